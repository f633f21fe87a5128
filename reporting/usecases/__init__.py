"""The use cases that come with livegold, one file each."""
