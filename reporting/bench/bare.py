"""The minimal Spark job on the same events as a baseline: parse, write Delta. Run by `livegold bench`."""

import json
import sys
import time
from pathlib import Path

from pyspark.sql import functions as F

from livegold.reporting.settings import load
from livegold.reporting.specification import load_use_case
from livegold.streams.hub import Hub
from livegold.streams.local import spark_session

settings, case = load({}, Path("none"), **json.loads(sys.argv[1])), load_use_case(sys.argv[2])
spark = spark_session(settings)
schema = ", ".join(f"`{f.name}` {f.type}" for f in case.fields)
options = Hub.of(settings, case.name).spark_options() | {"includeHeaders": "false"}
started = time.perf_counter()
kafka = spark.readStream.format("kafka").options(**options).load()
event = F.from_json(F.col("value").cast("string"), schema, {"timeZone": case.time_zone}).alias("event")
rows = kafka.select(event, "topic", "partition", "offset", "timestamp").select(
    "event.*", "topic", "partition", "offset"
)
writer = rows.writeStream.format("delta").option("checkpointLocation", f"{settings.lake}/bare-checkpoint")
writer.trigger(availableNow=True).start(f"{settings.lake}/bare").awaitTermination()
print(json.dumps({"seconds": time.perf_counter() - started}))
