"""An MQTT client made of paho-mqtt, told what to do by its arguments.

sub PORT VERSION FILTER COUNT   prints "ready", then "topic payload qos" for each of COUNT messages
pub PORT VERSION TOPIC PAYLOAD QOS
answer PORT FILTER              MQTT 5: answers one request with its payload in capitals
"""
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

VERSIONS = {"3.1": mqtt.MQTTv31, "3.1.1": mqtt.MQTTv311, "5": mqtt.MQTTv5}


def make(version):
    try:
        return mqtt.Client(mqtt.CallbackAPIVersion.VERSION1, protocol=version)
    except AttributeError:  # paho-mqtt 1.x
        return mqtt.Client(protocol=version)


def sub(port, version, topic_filter, count):
    client = make(VERSIONS[version])
    left = int(count)

    def on_message(_client, _data, message):
        nonlocal left
        print(message.topic, message.payload.decode(), message.qos, flush=True)
        left -= 1
        if left == 0:
            client.disconnect()

    client.on_message = on_message
    client.on_connect = lambda *_: client.subscribe(topic_filter, 2)
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.connect("127.0.0.1", int(port))
    client.loop_forever()


def pub(port, version, topic, payload, qos):
    client = make(VERSIONS[version])
    client.connect("127.0.0.1", int(port))
    client.loop_start()
    client.publish(topic, payload, int(qos)).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def answer(port, topic_filter):
    client = make(mqtt.MQTTv5)

    def on_message(_client, _data, message):
        properties = Properties(PacketTypes.PUBLISH)
        if hasattr(message.properties, "CorrelationData"):
            properties.CorrelationData = message.properties.CorrelationData
        reply = message.payload.decode().upper()
        info = client.publish(message.properties.ResponseTopic, reply, 1, properties=properties)
        client.on_publish = lambda _client, _data, mid: client.disconnect() if mid == info.mid else None

    client.on_message = on_message
    client.on_connect = lambda *_: client.subscribe(topic_filter, 1)
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.connect("127.0.0.1", int(port))
    client.loop_forever()


{"sub": sub, "pub": pub, "answer": answer}[sys.argv[1]](*sys.argv[2:])
