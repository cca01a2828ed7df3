"""Images of any size: by region, in lanes and bands, on several machines; stopped and gone on with."""
