"""A hosted site, part by part."""
