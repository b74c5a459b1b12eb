"""Renders a page with a table, as a web front end does."""

import jinja2

PAGE = jinja2.Environment(autoescape=True).from_string(
    "<html><body><h1>{{ title }}</h1><table>"
    "{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}"
    "</table></body></html>"
)


def handler(event: dict[str, int], context: object) -> object:
    rows = [[f"{n} & {column}" for column in range(12)] for n in range(event.get("rows", 700))]
    return len(PAGE.render(title="Orders", rows=rows))
