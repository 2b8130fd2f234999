"""Raw folders to stores of clips: sources, preparation, the store and the manifest."""
