#!/usr/bin/env python3
"""A service team's own program: appends one `lead.discovered` through a stock Kafka client, knowing only the contract.

It takes the schema from the registry, seals the e-mail address through the door `/seal`, writes a binary-mode
CloudEvent with the subject as key, and lets the client's murmur2 partitioner choose the partition. Prints where the
record stands.
"""
import argparse
import base64
import json
import tomllib
import urllib.request
import uuid
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient, record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

RECORD = "brainops.lead.LeadDiscovered"


def seal(url: str, token: str, subject: str, text: str) -> dict:
    """The Avro-shaped sealed value of `text` under the key of `subject`."""
    body = json.dumps({"subject": subject, "kind": "email", "text": text}).encode()
    request = urllib.request.Request(f"{url}/seal", data=body, method="POST")
    request.add_header("content-type", "application/json")
    request.add_header("authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        sealed = json.load(answer)["sealed"]
    return {"key_id": sealed["key_id"], "nonce": base64.b64decode(sealed["nonce"]),
            "ciphertext": base64.b64decode(sealed["ciphertext"])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the stack's brainops.toml")
    parser.add_argument("--prefix", required=True, help="prefix of the topics")
    parser.add_argument("--url", required=True, help="address of the server")
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--lead", required=True, help="opaque id of the lead")
    parser.add_argument("--email", required=True)
    arguments = parser.parse_args()
    config = tomllib.loads(arguments.config.read_text())
    kafka, appender = config["kafka"], config["kafka"]["appender"]
    registry = SchemaRegistryClient({"url": config["registry"]["url"]})
    schema = registry.get_latest_version(RECORD).schema
    serializer = AvroSerializer(registry, schema, conf={
        "auto.register.schemas": False, "use.latest.version": True,
        "subject.name.strategy": record_subject_name_strategy})
    producer = Producer({
        "bootstrap.servers": kafka["bootstrap_servers"], "security.protocol": kafka["security_protocol"],
        "sasl.mechanism": kafka["sasl_mechanism"], "sasl.username": appender["username"],
        "sasl.password": Path(appender["password_file"]).read_text().strip(),
        "partitioner": "murmur2_random", "enable.idempotence": True, "acks": "all"})
    topic = f"{arguments.prefix}.lead"
    token = arguments.token_file.read_text().strip()
    lead = {"lead_id": arguments.lead, "name": None, "company": "Foreign Client Ltd", "channel": "partner-api",
            "email": seal(arguments.url, token, arguments.lead, arguments.email)}
    headers = {"ce_specversion": "1.0", "ce_id": str(uuid.uuid4()), "ce_source": "/partners/example",
               "ce_type": "lead.discovered", "ce_subject": arguments.lead,
               "content-type": "application/vnd.confluent.avro"}
    delivered = []
    producer.produce(topic, key=arguments.lead.encode(), headers=headers,
                     value=serializer(lead, SerializationContext(topic, MessageField.VALUE)),
                     on_delivery=lambda error, message: delivered.append((error, message)))
    producer.flush(30)
    error, message = delivered[0]
    if error is not None:
        raise SystemExit(f"not delivered: {error}")
    print(json.dumps({"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}))


if __name__ == "__main__":
    main()
