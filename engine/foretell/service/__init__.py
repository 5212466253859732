"""`foretell serve`: jobs, an API and a page around the library. It contains no forecasting.

A request (`routes/`, `schemas/`) writes a resource and its job in one transaction (`catalogue`, `jobs`, `tables`). A worker
(`worker`, `leases`) claims the job and starts a child (`child`), which does the work (`work/`) by calling the library and writes
files in the home (`home`). The server's process never loads torch.

To add a resource: a table in `tables.py` (`_resource`), a line in `catalogue.KINDS` and, for columns that name other resources, in
`catalogue._OF_LINK`; `schemas/NAME.py` with `NameIn`, `NameSpec`, `NameOut`; `routes/NAME.py` with `add_common` and a POST that calls
`asking.write` around `catalogue.create`; the router in `app._ROUTERS`. To add a work: `work/NAME.py` with `run(order)`, which writes
`order.target` whole (what it keeps for a resume: `order.kept`), and its name in `work.order.WORKS`.
"""
