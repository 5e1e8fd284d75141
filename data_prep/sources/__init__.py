"""Where pictures come from: layouts recognised, named sets, download."""
