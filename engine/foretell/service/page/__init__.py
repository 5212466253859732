"""The page: screens made by the server, for a planner's browser. They read without JavaScript.

A screen is a file of `screens/` with a `router` of routes that return `render(request, "NAME.html", ...)`, and its template.
What changes something is a form: it calls the function behind the API's route, so that both are one action.
To add a screen: the two files, a line in `screens.SCREENS`; the line's title stands in the navigation.

The policy of the page (`guard.SAFE`) allows neither scripts nor styles inside of HTML, and no other host: shapes are SVG with
attributes of its own, colours are classes of `static/page.css`.

The server loads no pandas as it starts: what draws items out of panels is imported where it is called.
"""
