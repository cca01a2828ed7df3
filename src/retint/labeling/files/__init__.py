"""From files to files: images, volumes and films, with what is drawn beside their labels."""
