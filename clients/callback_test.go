package clients_test

import (
	"crypto/sha256"
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/clients"
	"beckon/gateway/gatewaytest"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

func TestCallbackSecretIsComputedByHand(t *testing.T) {
	const token = "mgc_a_token_of_this_test"
	// HMAC (RFC 2104) the long way: H(K xor opad, H(K xor ipad, text)), the key filled up to a block of 64 bytes.
	inner, outer := [64]byte{}, [64]byte{}
	key := sha256.Sum256([]byte(token))
	copy(inner[:], key[:])
	copy(outer[:], key[:])
	for i := range inner {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	first := sha256.Sum256(append(inner[:], "beckon callbacks v1"...))
	second := sha256.Sum256(append(outer[:], first[:]...))

	got := clients.CallbackSecret(clients.HashOf(token))
	require.Equal(t, "whsec_"+base64.StdEncoding.EncodeToString(second[:]), got.Reveal())
	require.NoError(t, signature.Check(signature.Standard, got))
	require.NotEqual(t, got.Reveal(), clients.CallbackSecret(clients.HashOf(token+"x")).Reveal())
}

// What is shown once signs the callbacks, and what it replaces signs on beside it.
func TestACallbackSecretThatIsReplacedSignsOn(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		file := "providers: [{id: p, type: template, template: hi}]\nagents: [{id: a, provider: p}]"
		all := catalog.Of[clients.Client](gatewaytest.Editor(t, s, gatewaytest.Setup{File: file}))
		record, token, err := all.Create(ctx, "mia", clients.Client{ID: "ci", Passthrough: true, AllowedAgents: []string{"a"}})
		require.NoError(t, err)
		created := record.Item.Issued(token)
		require.Equal(t, clients.Issued{Token: token, CallbackSecret: clients.CallbackSecret(clients.HashOf(token.Reveal()))}, created)
		signed := func(want ...secret.String) {
			t.Helper()
			record, err := all.Get(ctx, "ci")
			require.NoError(t, err)
			credentials, err := clients.Credentials(s.Read(ctx))
			require.NoError(t, err)
			set, findings := clients.NewSet([]clients.Declared{{Client: record.Item, Credentials: credentials["ci"]}}, clients.NewLimits())
			require.Empty(t, findings)
			require.Equal(t, reveal(want), reveal(set.Get("ci").CallbackSecrets()))
		}
		update := func(webhookSecret secret.String) {
			_, err := all.Update(ctx, "mia", clients.Client{ID: "ci", Passthrough: true, AllowedAgents: []string{"a"}, WebhookSecret: webhookSecret}, 0)
			require.NoError(t, err)
		}
		signed(created.CallbackSecret)

		made, err := clients.RotateWebhookSecret(ctx, all, "mia", "ci")
		require.NoError(t, err)
		signed(made, created.CallbackSecret)
		update("") // keeps it
		signed(made, created.CallbackSecret)
		rotated, err := clients.RotateToken(ctx, all, "mia", "ci", 0)
		require.NoError(t, err)
		require.Empty(t, rotated.CallbackSecret, "it stays")
		fromToken := clients.CallbackSecret(clients.HashOf(rotated.Token.Reveal()))
		signed(made, fromToken)

		given := signature.NewSecret(signature.Standard)
		update(given)
		signed(given, made, fromToken)
		update(secret.Removed)
		signed(fromToken, given, made)
		rotated, err = clients.RotateToken(ctx, all, "mia", "ci", time.Hour)
		require.NoError(t, err)
		signed(rotated.CallbackSecret, fromToken, given, made)

		_, err = clients.RotateWebhookSecret(ctx, all, "mia", "nobody")
		require.True(t, problem.Is(err, problem.NotFound), "%v", err)
	})
}

func TestACallbackSecretEnds(t *testing.T) {
	client := clients.Client{ID: "ci", Passthrough: true, AllowedAgents: []string{"a"}, WebhookSecret: signature.NewSecret(signature.Standard)}
	client.Retired = []signature.Retired{{Secret: signature.NewSecret(signature.Standard), Until: time.Now().Add(-time.Second)}, {Until: time.Now().Add(-time.Second)}}
	credentials := []clients.Credential{{Hash: clients.HashOf("mgc_x")}}
	set, _ := clients.NewSet([]clients.Declared{{Client: client, Credentials: credentials}}, clients.NewLimits())
	require.Equal(t, []string{client.WebhookSecret.Reveal()}, reveal(set.Get("ci").CallbackSecrets()))
}

func TestAGivenCallbackSecretIsShownOnce(t *testing.T) {
	given := signature.NewSecret(signature.Standard)
	require.Equal(t, given, clients.Client{WebhookSecret: given}.Issued("mgc_x").CallbackSecret)
	require.Equal(t, clients.Issued{CallbackSecret: given}, clients.Client{WebhookSecret: given}.Issued(""), "of a client without a token")
}

func reveal(list []secret.String) (plain []string) {
	for _, s := range list {
		plain = append(plain, s.Reveal())
	}
	return plain
}
