"""What the jobs of the endpoint do, each in a process of its own: files in, files and a result out."""
