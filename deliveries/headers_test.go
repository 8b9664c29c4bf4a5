package deliveries_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/deliveries"
	"beckon/events"
	"beckon/gateway"
	"beckon/internal/config"
	"beckon/internal/secret"
	"beckon/internal/store/storetest"
)

// What Beckon sends itself cannot be set, however a receiver may spell it: in a call, in the file, by a change.
func TestHeadersThatAreOursCannotBeSet(t *testing.T) {
	for why, names := range map[string][]string{
		"belongs to the connection": {"Host", "Connection", "keep-alive", "Proxy-Connection", "Transfer-Encoding", "transfer_encoding", "TE", "Trailer", "Upgrade",
			"Expect", "Proxy-Authorization"},
		"describes the body": {"content-length", "Content-Type", "Content-Encoding", "content_encoding"},
		"can read":           {"Accept-Encoding"},
		"part of the signature": {"webhook-id", "webhook_id", "Webhook_Id", "webhook-timestamp", "Webhook_Timestamp", "Webhook-Signature", "WEBHOOK_SIGNATURE", "svix-id", "svix_id",
			"Svix-Anything", "X-Acme-Signature", "x-acme-event", "X_Acme_Event", "X-Acme-Signature-Previous", "X-ACME-Timestamp", "X-Acme-Delivery"},
	} {
		for _, name := range names {
			e := valid()
			e.Vendor, e.Headers = "Acme", map[string]secret.String{name: "hunter22"}
			found := e.CheckNew()
			require.Len(t, found, 1, name)
			require.Equal(t, "headers."+name, found[0].Path)
			require.Contains(t, found[0].Message, "cannot be set: it ")
			require.Contains(t, found[0].Message, why)
			require.NotContains(t, found[0].Message, "hunter22")
		}
	}
	for vendor, names := range map[string][]string{
		"":     {"X-Beckon-Tenant", "X-Acme-Event", "Accept", "Cookie", "Authorization", "X-Webhook-Id", "Content-Language"},
		"Acme": {"X-Acme-Tenant", "X-Beckon-Event", "User-Agent"},
	} {
		e := valid()
		e.Vendor, e.Headers = vendor, map[string]secret.String{}
		for _, name := range names {
			e.Headers[name] = "x"
		}
		require.Empty(t, e.CheckNew())
	}
	e := valid()
	for _, name := range []string{"User-Agent", "user_agent", "X-Beckon-Signature"} {
		e.Vendor, e.Headers = "", map[string]secret.String{name: "x"}
		require.Len(t, e.CheckNew(), 1, name)
	}
}

// An endpoint that was stored when such headers could be set stays in force, says which it has, and goes out without them.
func TestAStoredEndpointGoesOnWithoutHeadersThatAreOurs(t *testing.T) {
	r := newReceiver(t, nil)
	e := endpoint("ops", r, func(e *deliveries.Endpoint) {
		e.Headers = map[string]secret.String{"Content-Encoding": "gzip", "webhook_id": "evt_other", "User-Agent": "curl", "X-Env": "prod"}
	})
	file := func(content string) (*config.Config, error) {
		path := filepath.Join(t.TempDir(), "config.yaml")
		require.NoError(t, os.WriteFile(path, []byte("egress: {allowPrivate: [127.0.0.0/8]}\n"+content), 0o600))
		return config.Load(path, os.LookupEnv, gateway.Nouns(agents.Factories{}, os.LookupEnv))
	}
	c, err := file("")
	require.NoError(t, err)
	v := gateway.Nouns(agents.Factories{}, os.LookupEnv).View(c, e)
	require.Empty(t, v.Warnings())
	cautions := v.Cautions()
	require.Len(t, cautions, 1)
	require.Len(t, cautions[0].Fields, 3)
	require.Contains(t, cautions[0].Fields.Err().Error(), "headers.Content-Encoding: is not sent")
	inForce := deliveries.InForce(v)
	require.Len(t, inForce, 1)

	p := newPlant(t, storetest.Open(t, storetest.SQLite(t)), inForce...)
	id := p.happens(ofTriage, events.RunCompleted)
	got := r.gets(t, 1)[0].header
	require.Empty(t, got.Values("Content-Encoding"))
	require.Empty(t, got.Values("Webhook_id"))
	require.Equal(t, []string{id}, got.Values("Webhook-Id"))
	require.Equal(t, "Beckon/test", got.Get("User-Agent"))
	require.Equal(t, "prod", got.Get("X-Env"))

	_, err = file(`endpoints: [{id: ops, url: "http://127.0.0.1:8000", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, headers: {webhook_id: x}}]`)
	require.ErrorContains(t, err, "config.yaml:2: endpoints[0].headers.webhook_id: cannot be set: it is part of the signature")
}

func TestTheSenderIsTheVendorsUnlessHeadersSayOtherwise(t *testing.T) {
	r := newReceiver(t, nil)
	acme := func(e *deliveries.Endpoint) { e.Vendor = "Acme" }
	p := newPlant(t, storetest.Open(t, storetest.SQLite(t)), endpoint("acme", r, acme), endpoint("own", r, acme, func(e *deliveries.Endpoint) {
		e.Headers = map[string]secret.String{"user-agent": "acme-events"}
	}))
	p.happens(ofTriage, events.RunCompleted)
	by := map[string]string{}
	for _, got := range r.gets(t, 2) {
		by[got.path] = got.header.Get("User-Agent")
	}
	require.Equal(t, map[string]string{"/acme": "Acme-Webhooks/1.0", "/own": "acme-events"}, by)
}
