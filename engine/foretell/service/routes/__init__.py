"""The routes, a file a resource: a `router` that `app` includes below /api/v1."""
