package gateway

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"beckon/calls/forms"
	"beckon/internal/secret"
)

// formKey returns the key of a form that the configuration file declares without one; empty where there is no key
// to make it of.
func (g *Gateway) formKey(ctx context.Context) func(clientID string) string {
	return func(clientID string) string {
		gateway, err := secretsKey(ctx, g.Initial, g.store)
		if err == nil {
			var key string
			if key, err = forms.KeyOf(gateway, clientID); err == nil {
				return key
			}
		}
		g.Log.Warn("the public key of a form cannot be made; set form.key in the file",
			"client", clientID, "error", err)
		return ""
	}
}

// formKeyInForce returns the key of a client's form; empty for none.
func (g *Gateway) formKeyInForce(clientID string) string {
	if client := g.catalog().Clients.Get(clientID); client != nil && client.IsForm() {
		return client.Form.Key
	}
	return ""
}

// newChallenges returns the challenges of forms. Solutions are verified at vendors by the way out of webhooks.
func (g *Gateway) newChallenges(key func() (secret.String, error)) *forms.Challenges {
	return &forms.Challenges{
		Store: g.store,
		Key:   key,
		Post: func(ctx context.Context, at string, form url.Values) ([]byte, error) {
			answer, err := g.webhooks.Post(ctx, at, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
				[]byte(form.Encode()), fetchTimeout)
			switch {
			case err != nil:
				return nil, fmt.Errorf("verify the solution of a challenge: %w", err)
			case answer.Status != http.StatusOK || answer.Truncated:
				return nil, fmt.Errorf("verify the solution of a challenge: status %d", answer.Status)
			}
			return answer.Body, nil
		},
	}
}
