package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/time/rate"

	"beckon/calls/senders"
	"beckon/calls/senders/all"
	"beckon/calls/senders/sns"
	"beckon/internal/egress"
)

// The limits of what is fetched to verify a call or to confirm a webhook.
const (
	fetchTimeout = 10 * time.Second
	// Anybody may send a token with an unknown key, for which the issuer is asked. It is asked once a second, after
	// the first ten.
	keyFetchesAtOnce = 10
)

// newSenders returns the senders that calls can prove themselves as. Certificates of Amazon are fetched by the way
// out of webhooks; the issuers are the administrator's choice, and asked by that of providers.
func (g *Gateway) newSenders() senders.Set {
	keys := &issuers{byURL: map[string]*issuer{}, client: &http.Client{
		Timeout:       fetchTimeout,
		Transport:     &limited{next: egress.NewProviders(), limiter: rate.NewLimiter(1, keyFetchesAtOnce)},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	g.started.add(keys.client.CloseIdleConnections)
	return all.Senders(keys.of, &sns.Certificates{Fetch: g.fetch})
}

// fetch gets what an address has that a sender named, by the way out of webhooks.
func (g *Gateway) fetch(ctx context.Context, url string) ([]byte, error) {
	answer, err := g.webhooks.Fetch(ctx, url, fetchTimeout)
	if err != nil {
		return nil, fmt.Errorf("fetch what a sender named: %w", err)
	}
	if answer.Status != http.StatusOK || answer.Truncated {
		return nil, fmt.Errorf("fetch what a sender named: status %d", answer.Status)
	}
	return answer.Body, nil
}

// limited bounds how often a transport is used.
type limited struct {
	next    *egress.Providers
	limiter *rate.Limiter
}

// RoundTrip implements http.RoundTripper.
func (l *limited) RoundTrip(r *http.Request) (*http.Response, error) {
	if !l.limiter.Allow() {
		return nil, errors.New("too many requests for keys")
	}
	return l.next.RoundTrip(r)
}

// CloseIdleConnections lets go of what is pooled.
func (l *limited) CloseIdleConnections() { l.next.CloseIdleConnections() }

// issuers are those of the tokens of CI jobs, with their keys. mu guards byURL.
type issuers struct {
	client *http.Client
	mu     sync.Mutex
	byURL  map[string]*issuer
}

func (i *issuers) of(url string) oidc.KeySet {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.byURL[url] == nil {
		i.byURL[url] = &issuer{url: url, client: i.client}
	}
	return i.byURL[url]
}

// issuer finds out where its keys are when the first token comes. mu guards keys, and is held while they are looked
// for.
type issuer struct {
	url    string
	client *http.Client
	mu     sync.Mutex
	keys   oidc.KeySet
}

// VerifySignature implements oidc.KeySet.
func (i *issuer) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	keys, err := i.find(ctx)
	if err != nil {
		return nil, err
	}
	return keys.VerifySignature(ctx, token)
}

func (i *issuer) find(ctx context.Context) (oidc.KeySet, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.keys != nil {
		return i.keys, nil
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, i.client), i.url)
	if err != nil {
		return nil, fmt.Errorf("ask the issuer: %w", err)
	}
	var document struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&document); err != nil {
		return nil, fmt.Errorf("read what the issuer says: %w", err)
	}
	i.keys = oidc.NewRemoteKeySet(oidc.ClientContext(context.WithoutCancel(ctx), i.client), document.Keys)
	return i.keys, nil
}
