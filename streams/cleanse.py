"""Parses and validates raw events: valid, or invalid with every reason. Does no writing, deduplication or scoring.

An event is validated in one typed parse, which is all that a million rows can afford; the reasons are worked out in a
second, slower pass over the invalid rows only. Problems that a JSON parser silently accepts are caught here:

- text after the object: the value is parsed as a member of a larger object, and a second member must follow it;
- bytes that are not UTF-8, an empty value, a duplicate key, an object where a string is expected, infinity;
- a time without a date (Spark would assume today's) or with half of one.

`reporting.pipeline` defines what is derived from the fields once they have been read, and the rules they must satisfy.
"""

from __future__ import annotations

import functools
import operator

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from livegold.reporting.pipeline import (
    FIELD_TEXTS,
    event_columns,
    event_fields,
    feature_columns,
    missing_reason,
    rule_reasons,
    validity,
)
from livegold.reporting.schema import ARRIVAL
from livegold.reporting.specification import Field, UseCase
from livegold.streams.plan import with_steps

# The member after the event in the larger object. An event that contains this text is rejected: it cannot be forged.
SENTINEL = "livegold_end_of_event"
DATED = r"^\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([T ]|\s*$)"
ZONED = r"(Z|UTC|GMT|[+-][0-9]{1,2}(:?[0-9]{2})?)\s*$"
SHOWN = 80
"""Maximum number of characters of a wrong value shown in a reason."""


def raw_events(kafka: DataFrame) -> DataFrame:
    """Rows of the Kafka source with livegold's column names: key, value, headers if requested, SOURCE."""
    headers = ["headers"] if "headers" in kafka.columns else []
    return kafka.select("key", "value", *headers, "topic", "partition", "offset", F.col("timestamp").alias(ARRIVAL))


class Cleanser:
    """Parses and validates the events of one use case."""

    def __init__(self, case: UseCase) -> None:
        self.case = case
        self.fields = event_fields(case)
        self.feature_columns = list(feature_columns(case))
        self.times = [f.name for f in self.fields if f.type == "timestamp"]

    def validated(self, events: DataFrame) -> DataFrame:
        """SOURCE, `key`, `value`, the event's columns, features (`feature_<name>`), event_id, event_time and `ok`.

        One row for each row of `events` (see `raw_events`). In rows that are not `ok` the columns hold whatever could
        be read, and features that could not are 0.
        """
        return (
            self._read(events)
            .withColumn("ok", self._readable() & F.expr(validity(self.case)))
            .withColumns({n: F.coalesce(F.col(n), F.lit(0.0)) for n in self.feature_columns})
            .drop("_parsed", "_keys", *(f"_{n}" for n in self.times))
        )

    def reasons(self, bad: DataFrame) -> DataFrame:
        """`bad` (rows with SOURCE, key and value) with `reasons`, an array of strings that is never empty."""
        validated = self._read(bad)
        # The fields as text, whatever their type, to show what could not be read.
        text = F.col("value").cast("string")
        validated = validated.withColumn(FIELD_TEXTS, F.from_json(text, "map<string,string>"))
        readable = F.coalesce(self._is_object(), F.lit(False))
        found = F.when(readable, F.array_compact(F.array(*self._reasons_of_fields()))).otherwise(
            F.array(self._reason_of_bytes())
        )
        # Its own column first: inlined into the next expression it would be evaluated twice.
        validated = validated.withColumn("_found", found)
        unknown = F.array(F.lit("event cannot be read"))
        reasons = F.when(F.size("_found") > 0, F.col("_found")).otherwise(unknown)
        return validated.select(*bad.columns, reasons.alias("reasons"))

    # ---- the typed parse -------------------------------------------------------------------------------------------

    def _read(self, events: DataFrame) -> DataFrame:
        """Everything needed to validate an event: fields, times, id, derived columns and features."""
        typed = self._typed(events).withColumns({name: self._time(name) for name in self.times})
        return with_steps(typed, event_columns(self.case))

    def _typed(self, events: DataFrame) -> DataFrame:
        # Times are read as text: the parser would read "20:21" as a time today, and numbers as seconds.
        columns = ", ".join(f"`{f.name}` {'string' if f.type == 'timestamp' else f.type}" for f in self.fields)
        schema = f"event struct<{columns.replace('` ', '`:')}>, {SENTINEL} int, _corrupt string"
        options = {
            "mode": "PERMISSIVE",
            "columnNameOfCorruptRecord": "_corrupt",
            "allowSingleQuotes": "false",
            "allowNonNumericNumbers": "false",
        }
        text = F.col("value").cast("string")
        wrapped = F.concat(F.lit('{"event":'), text, F.lit(f',"{SENTINEL}":1}}'))
        parsed = events.select(
            "*", F.from_json(wrapped, schema, options).alias("_parsed"), F.json_object_keys(text).alias("_keys")
        )
        own = {f.name: F.col(f"_parsed.event.{f.name}") for f in self.fields if f.type != "timestamp"}
        texts = {f"_{name}": F.col(f"_parsed.event.{name}") for name in self.times}
        return parsed.withColumns({**own, **texts})

    def _time(self, name: str) -> Column:
        text = F.col(f"_{name}")
        read = text.try_cast("timestamp")
        local = F.to_utc_timestamp(read, self.case.time_zone)
        # Nearly every time looks like `2019-03-23 20:21:09`; two regular expressions for it would be most of the work.
        usual = (F.length(text) == 19) & (F.substr(text, F.lit(5), F.lit(1)) == "-")
        usual &= (F.substr(text, F.lit(8), F.lit(1)) == "-") & F.substr(text, F.lit(11), F.lit(1)).isin(" ", "T")
        usual &= F.substr(text, F.lit(14), F.lit(1)) == ":"
        zoned = F.when(text.rlike(ZONED) & (F.length(text) > 10), read).otherwise(local)
        return F.when(usual, local).when(text.rlike(DATED), zoned)

    # ---- validating --------------------------------------------------------------------------------------------------

    def _is_object(self) -> Column:
        return (
            F.is_valid_utf8(F.col("value").cast("string"))
            & (F.col(f"_parsed.{SENTINEL}") == 1)
            & F.col("_parsed.event").isNotNull()
            & F.col("_keys").isNotNull()
            & ~F.contains(F.col("value").cast("string"), F.lit(SENTINEL))
        )

    def _readable(self) -> Column:
        """Whether every field could be read as its type; never null."""
        good = self._is_object() & F.col("_parsed._corrupt").isNull()
        good &= ~self._has_key_twice()
        good &= ~self._has_object_for_text()
        for field in self.fields:
            if field.type != "string":
                good &= ~self._wrong(field)
        return F.coalesce(good, F.lit(False))

    def _has_key_twice(self) -> Column:
        # If there are as many keys as declared fields with a value, each occurs once and nothing else is there. The
        # keys are examined, which costs much more, only if the counts differ (a null, an undeclared or duplicate key).
        values = [F.col(f"_parsed.event.{f.name}").isNotNull().cast("int") for f in self.fields]
        with_value = functools.reduce(operator.add, values)
        keys = F.size("_keys")
        return F.when(keys == with_value, F.lit(False)).otherwise(keys != F.size(F.array_distinct("_keys")))

    def _has_object_for_text(self) -> Column:
        """Whether a string field holds an object or a list, whose JSON the parser passes on as the string."""
        texts = [f.name for f in self.fields if f.type == "string"]
        starts = (F.startswith(F.col(n), F.lit(c)) for n in texts for c in "{[")
        looks = functools.reduce(operator.or_, (F.coalesce(s, F.lit(False)) for s in starts), F.lit(False))
        # A string may well begin like this; only then are the exact types looked up, which means parsing again.
        types = F.expr("schema_of_variant(try_parse_json(cast(value as string)))")
        wrong = types.rlike(rf"[<,] ?({'|'.join(texts)}): (ARRAY|OBJECT)<")
        return F.when(looks, F.coalesce(wrong, F.lit(True))).otherwise(False)

    def _wrong(self, field: Field) -> Column:
        """Whether the field is present but not of its type, although the typed parse accepted it."""
        value = F.col(field.name)
        if field.type == "timestamp":
            return F.col(f"_{field.name}").isNotNull() & value.isNull()
        if field.type == "double":
            return F.coalesce(F.isnan(value) | (F.abs(value) == float("inf")), F.lit(False))
        if field.type == "string":
            # An object or a list comes through as its JSON; only a string that looks like one is examined closely.
            document = "try_parse_json(cast(value as string))"
            exact = F.expr(f"schema_of_variant(try_variant_get({document}, '$.{field.name}', 'variant'))")
            looks = F.startswith(value, F.lit("{")) | F.startswith(value, F.lit("["))
            return F.when(F.coalesce(looks, F.lit(False)), F.coalesce(exact != "STRING", F.lit(True))).otherwise(False)
        return F.lit(False)

    # ---- the reasons -----------------------------------------------------------------------------------------------

    def _reason_of_bytes(self) -> Column:
        text = F.col("value").cast("string")
        empty = F.col("value").isNull() | (F.trim(F.regexp_replace(text, r"\s", "")) == "")
        return (
            F.when(empty, F.lit("value is empty"))
            .when(~F.is_valid_utf8(text), F.lit("value is not UTF-8"))
            .when(F.contains(text, F.lit(SENTINEL)), F.lit("value holds livegold's own end mark"))
            .otherwise(F.lit("value is not one JSON object"))
        )

    def _reasons_of_fields(self) -> list[Column]:
        keys = F.col("_keys")
        twice = F.array_distinct(F.filter(keys, lambda k: F.size(F.filter(keys, lambda o: o == k)) > 1))
        twice_over = F.concat(F.lit("key occurs twice: "), F.array_join(twice, ", "))
        found = [F.when(self._has_key_twice(), twice_over)]
        for field in self.fields:
            text = F.element_at(F.col(FIELD_TEXTS), field.name)
            unread = text.isNotNull() & F.col(field.name).isNull()
            wrong = F.concat(F.lit(f"{field.name} is not {field.type}: "), F.substring(text, 1, SHOWN))
            found.append(F.when(unread | self._wrong(field), wrong))
            if field.required:
                found.append(F.expr(missing_reason(self.case, field)))
        return found + [F.expr(rule) for rule in rule_reasons(self.case)]
