"""Zones without typing coordinates: pictures with a grid, the page that draws, the walk test."""
