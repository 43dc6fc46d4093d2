"""Reports: words, charts and documents from frozen values. Knows no web framework, no database and no queue."""
