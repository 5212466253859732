"""What the service must reach, measured, server and client on one machine: `.answers` for requests and large tables, `.rest` for a server idle."""
