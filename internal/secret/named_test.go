package secret_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/secret"
)

func TestNamed(t *testing.T) {
	for _, name := range strings.Fields(`Authorization Proxy-Authorization Cookie Set-Cookie X-Api-Key apikey api_key X-Functions-Key
		Ocp-Apim-Subscription-Key X-Gitlab-Token X-Vault-Namespace X-Forwarded-Client-Cert X-Hub-Signature-256 X-Sig sig apiSig X-Sig-256
		X-Webhook-Hmac X-Shopify-Hmac-Sha256 password passwd client_secret X-Csrf-Token Php-Auth-Pw session_id x-jwt-assertion`) {
		require.True(t, secret.Named(name), name)
	}
	for _, name := range strings.Fields(`Content-Type User-Agent X-GitHub-Event X-GitHub-Delivery X-Event-Key Idempotency-Key Ce-Id Ce-Partitionkey
		X-Signal X-Assigned-To Design X-Request-Id X-Shopify-Topic name`) {
		require.False(t, secret.Named(name), name)
	}
}
