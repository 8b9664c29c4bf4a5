package clients

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"beckon/internal/catalog"
	"beckon/internal/secret"
	"beckon/internal/signature"
	"beckon/internal/store"
)

// CallbackSecret is what signs the webhooks of single calls for a client that has set no webhookSecret. It follows from
// the token, so that whoever calls can verify what comes back without having been given a second secret:
//
//	whsec_ + base64(HMAC-SHA256(key: SHA-256(token), message: "beckon callbacks v1"))
func CallbackSecret(token Hash) secret.String {
	m := hmac.New(sha256.New, token[:])
	m.Write([]byte("beckon callbacks v1"))
	return secret.String("whsec_" + base64.StdEncoding.EncodeToString(m.Sum(nil)))
}

// Issued has the secrets that are shown once, when a client is created or gets a new token.
type Issued struct {
	Token          secret.String
	CallbackSecret secret.String // signs the webhooks of its calls; empty when it is not a new one
}

// Issued returns the secrets of a client that was created with a token; the token is empty for a client without
// one.
func (c Client) Issued(token secret.String) Issued {
	if c.WebhookSecret == "" && token != "" {
		return Issued{token, CallbackSecret(HashOf(token.Reveal()))}
	}
	return Issued{token, c.WebhookSecret}
}

// withWebhookSecret returns the client with another secret for its callbacks; an empty one is that which follows from
// the token. The one before signs beside it for signature.Overlap.
func (c Client) withWebhookSecret(s secret.String, now time.Time) Client {
	c.WebhookSecret, c.Retired = s, signature.Retire(c.Retired, c.WebhookSecret, s, now)
	return c
}

// CallbackSecrets returns the secrets that sign callbacks, newest first: the client's own, or those derived from
// its valid tokens, followed by replaced secrets that are still valid.
func (m *Member) CallbackSecrets() []secret.String {
	now := time.Now()
	list := m.callbackSecrets(m.WebhookSecret, now)
	for _, old := range m.Retired {
		if now.Before(old.Until) {
			list = append(list, m.callbackSecrets(old.Secret, now)...)
		}
	}
	return list
}

// callbackSecrets returns a secret as a list, and for an empty one those that follow from the tokens; without a
// token, those that follow from the secrets that its caller signs with.
func (m *Member) callbackSecrets(s secret.String, now time.Time) (list []secret.String) {
	switch s {
	case "":
	case secret.Lost:
		return nil
	default:
		return []secret.String{s}
	}
	for _, c := range m.tokens {
		if c.Expires.IsZero() || now.Before(c.Expires) {
			list = append(list, CallbackSecret(c.Hash))
		}
	}
	if len(list) == 0 {
		m.signingSecrets(func(_ string, s secret.String) { list = append(list, CallbackSecret(HashOf(s.Reveal()))) })
	}
	return list
}

// RotateWebhookSecret gives a client of the database a new secret for its callbacks and returns it. The one before
// signs beside it for signature.Overlap.
func RotateWebhookSecret(ctx context.Context, all catalog.Section[Client], who, id string) (secret.String, error) {
	made := signature.NewSecret(signature.Standard)
	err := all.Act(ctx, who, "rotate-secret", id,
		map[string]secret.String{"webhookSecret": made}, func(tx store.Tx) error {
			return all.Change(tx, id, func(c *Client) error {
				*c = c.withWebhookSecret(made, time.Now())
				return nil
			})
		})
	return made, err
}
