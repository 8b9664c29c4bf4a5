package egress_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/egress"
)

func httpsOnly(networks ...string) *egress.Guard {
	return guardOf(networks...).HTTPSOnly(func() bool { return true })
}

func TestHTTPIsForPrivateNetworksAlone(t *testing.T) {
	private := httpsOnly("127.0.0.0/8", "10.0.0.0/8")
	for _, url := range []string{"https://hooks.example.com/", "https://203.0.114.7/", "http://127.0.0.1:8080/", "http://10.1.2.3/", "http://localhost:8080/", "http://receiver:8080/",
		"http://hooks.internal/", "http://svc.cluster.local/"} {
		require.NoError(t, private.CheckURL(url), url)
	}
	for _, url := range []string{"http://hooks.example.com/", "HTTP://example.co.uk/", "http://93.184.216.34/"} {
		require.ErrorContains(t, private.CheckURL(url), "use https://", url)
		require.NoError(t, private.CheckHost(url), url)
		require.NoError(t, guardOf("127.0.0.0/8").HTTPSOnly(func() bool { return false }).CheckURL(url), url)
	}
	require.ErrorContains(t, httpsOnly().CheckURL("http://receiver:8080/"), "use https://", "no address may be dialled that it could have")
	require.NoError(t, httpsOnly().CheckURL("https://receiver:8080/"))
	require.ErrorContains(t, egress.NewGuard(nil).HTTPSOnly(func() bool { return true }).CheckURL("http://receiver/"), "use https://")
}

// The address that is dialled has the last word, also over a connection that is open already.
func TestHTTPIsCheckedWhenItIsDialled(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(receiver.Close)
	only := atomic.Bool{}
	only.Store(true)
	w := egress.NewWebhooks(guardOf("127.0.0.0/8").HTTPSOnly(only.Load))
	t.Cleanup(w.Close)
	post := func(ctx context.Context, url string) error {
		_, err := w.Post(ctx, url, nil, nil, 10*time.Second)
		return err
	}
	require.NoError(t, post(t.Context(), receiver.URL))
	require.ErrorContains(t, post(t.Context(), "http://hooks.example.com/"), "use https://")
	// One that was stored earlier is let through, which here is as far as an exchange that is over already.
	over, cancel := context.WithCancel(t.Context())
	cancel()
	err := post(egress.WithKeptURL(over), "http://hooks.example.com/")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "use https://")
}

// A name that only some network knows may be given with http. Where it leads to is looked at each time that it is dialled.
func TestANameThatLeadsToAPublicAddress(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // so that the next exchange looks the name up
	}))
	t.Cleanup(receiver.Close)
	guard := httpsOnly("127.0.0.0/8")
	w := egress.NewWebhooks(guard)
	t.Cleanup(w.Close)
	dns := fakeDNS(t, "127.0.0.1", "93.184.216.34")
	w.LookUpWith(dns.resolver())
	url := dns.urlOf(receiver.URL)
	require.NoError(t, guard.CheckURL(url))
	_, err := w.Post(t.Context(), url, nil, nil, patience)
	require.NoError(t, err)
	_, err = w.Post(t.Context(), url, nil, nil, patience)
	require.ErrorContains(t, err, "93.184.216.34 is reached over http")
}

// What may not be given any more goes on to where it was given.
func TestAURLThatWasStoredEarlierIsReached(t *testing.T) {
	asked := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.Host }))
	t.Cleanup(receiver.Close)
	w := egress.NewWebhooks(httpsOnly("127.0.0.0/8"))
	t.Cleanup(w.Close)
	w.LookUpWith(fakeDNS(t, "127.0.0.1").resolver())
	address, err := url.Parse(receiver.URL)
	require.NoError(t, err)
	address.Host = "hooks.example.com:" + address.Port()
	_, err = w.Post(t.Context(), address.String(), nil, nil, patience)
	require.ErrorContains(t, err, "use https://")
	_, err = w.Post(egress.WithKeptURL(t.Context()), address.String(), nil, nil, patience)
	require.NoError(t, err)
	require.Equal(t, address.Host, <-asked)
}
