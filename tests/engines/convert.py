"""Prints the query of each rule in docs/sigma/rules under each pipeline in docs/sigma, as JSON: rule, format, Lucene."""

import json
import pathlib
import sys

from sigma.backends.opensearch import OpensearchLuceneBackend
from sigma.collection import SigmaCollection
from sigma.processing.pipeline import ProcessingPipeline

folder = pathlib.Path(sys.argv[1])
queries = {}
for rule in sorted((folder / "rules").glob("*.yml")):
    for pipeline in sorted(folder.glob("*.yml")):
        backend = OpensearchLuceneBackend(processing_pipeline=ProcessingPipeline.from_yaml(pipeline.read_text()))
        converted = backend.convert(SigmaCollection.from_yaml(rule.read_text()))
        queries.setdefault(rule.stem, {})[pipeline.stem] = " OR ".join(f"({query})" for query in converted)
json.dump(queries, sys.stdout, indent=1)
