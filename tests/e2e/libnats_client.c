// A client of libnats, driven by libnats_test.ts: "URL [CA [CERTIFICATE KEY]]", files for TLS.
// Prints one line for each thing that works, and fails at the first that does not.
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(natsStatus status, const char *what)
{
  if (status == NATS_OK) return;
  fprintf(stderr, "%s: %s\n", what, natsStatus_GetText(status));
  exit(1);
}

static void respond(natsConnection *nc, natsSubscription *sub, natsMsg *request, void *closure)
{
  (void) sub;
  (void) closure;
  must(natsConnection_PublishString(nc, natsMsg_GetReply(request), "answer"), "respond");
  natsMsg_Destroy(request);
}

int main(int argc, char **argv)
{
  natsConnection *nc = NULL;
  natsSubscription *sub = NULL, *service = NULL, *first = NULL, *second = NULL;
  natsMsg *msg = NULL;
  natsOptions *options = NULL;
  if (argc != 2 && argc != 3 && argc != 5) return 2;
  must(natsOptions_Create(&options), "options");
  must(natsOptions_SetURL(options, argv[1]), "URL");
  if (argc > 2)
  {
    must(natsOptions_SetSecure(options, true), "secure");
    must(natsOptions_LoadCATrustedCertificates(options, argv[2]), "CA");
  }
  if (argc > 4) must(natsOptions_LoadCertificatesChain(options, argv[3], argv[4]), "certificate");
  must(natsConnection_Connect(&nc, options), "connect");

  must(natsConnection_SubscribeSync(&sub, nc, "c.plain.*"), "subscribe");
  must(natsConnection_PublishString(nc, "c.plain.x", "hello"), "publish");
  must(natsSubscription_NextMsg(&msg, sub, 5000), "next message");
  printf("message %s %s\n", natsMsg_GetSubject(msg), natsMsg_GetData(msg));
  natsMsg_Destroy(msg);

  must(natsMsg_Create(&msg, "c.plain.h", NULL, "body", 4), "create");
  must(natsMsgHeader_Add(msg, "Kind", "one"), "header");
  must(natsMsgHeader_Add(msg, "Kind", "two"), "header");
  must(natsConnection_PublishMsg(nc, msg), "publish with headers");
  natsMsg_Destroy(msg);
  must(natsSubscription_NextMsg(&msg, sub, 5000), "message with headers");
  const char **values = NULL;
  int count = 0;
  must(natsMsgHeader_Values(msg, "Kind", &values, &count), "values of the header");
  printf("headers %d %s %s\n", count, values[0], values[count - 1]);
  free((void *) values);
  natsMsg_Destroy(msg);

  must(natsConnection_Subscribe(&service, nc, "c.service", respond, NULL), "serve");
  must(natsConnection_RequestString(&msg, nc, "c.service", "question", 5000), "request");
  printf("reply %s\n", natsMsg_GetData(msg));
  natsMsg_Destroy(msg);
  natsStatus nobody = natsConnection_RequestString(&msg, nc, "c.nobody", "anyone?", 5000);
  printf("nobody %s\n", nobody == NATS_NO_RESPONDERS ? "no responders" : natsStatus_GetText(nobody));

  must(natsConnection_QueueSubscribeSync(&first, nc, "c.queue", "workers"), "queue");
  must(natsConnection_QueueSubscribeSync(&second, nc, "c.queue", "workers"), "queue");
  for (int i = 0; i < 10; i++) must(natsConnection_PublishString(nc, "c.queue", "job"), "job");
  must(natsConnection_Flush(nc), "flush");
  int taken = 0;
  natsSubscription *members[] = {first, second};
  for (int i = 0; i < 2; i++)
    while (natsSubscription_NextMsg(&msg, members[i], 200) == NATS_OK)
    {
      taken++;
      natsMsg_Destroy(msg);
    }
  printf("queue %d\n", taken);

  must(natsConnection_PublishString(nc, "c.to.mqtt", "from C"), "publish to MQTT");
  must(natsConnection_Flush(nc), "flush");
  natsSubscription_Destroy(sub);
  natsSubscription_Destroy(service);
  natsSubscription_Destroy(first);
  natsSubscription_Destroy(second);
  natsConnection_Destroy(nc);
  natsOptions_Destroy(options);
  nats_Close();
  return 0;
}
