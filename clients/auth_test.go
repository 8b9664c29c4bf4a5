package clients_test

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"beckon/calls/senders"
	"beckon/clients"
	"beckon/internal/catalog"
	"beckon/internal/store"
)

func TestWhoCallsIsChecked(t *testing.T) {
	for says, c := range map[string]clients.Client{
		"source: \"gitbuh\" is unknown":       {Source: "gitbuh"},
		"secret: is for sources that sign":    {Source: "alertmanager", Secret: clients.Secrets{"s"}},
		"secret: scheme github needs":         {Source: "github", Secret: clients.Secrets{"s", ""}},
		"auth[0]: scheme \"md5\" is unknown":  {Auth: []clients.Auth{{Scheme: "md5"}}},
		"auth[1]: scheme stripe needs":        {Auth: []clients.Auth{{Scheme: "basic"}, {Scheme: "stripe"}}},
		"auth[0]: scheme header needs a name": {Auth: []clients.Auth{{Scheme: "header"}}},
		"topicArn":                            {Auth: []clients.Auth{{Scheme: "sns"}}},
		"audience":                            {Auth: []clients.Auth{{Scheme: "oidc", Issuer: "https://gitlab.com"}}},
		"claims":                              {Auth: []clients.Auth{{Scheme: "oidc", Issuer: "https://gitlab.com", Audience: "a"}}},
		"respond: must be sync or async":      {Respond: "later"},
	} {
		c.ID, c.Passthrough, c.AllowedAgents = "c", true, []string{"a"}
		require.ErrorContains(t, c.Check().Err(), says)
	}
	require.NoError(t, clients.Client{ID: "c", Source: "github", Secret: clients.Secrets{"s"}, AllowedAgents: []string{"a"}}.Check().Err(),
		"with a source the prompt comes from the request")
}

func TestProofsOfAClient(t *testing.T) {
	schemes := func(c clients.Client) (list []string) {
		for _, p := range c.Proofs() {
			list = append(list, p.Scheme)
		}
		return list
	}
	require.Equal(t, []string{"bearer"}, schemes(clients.Client{}))
	require.Equal(t, []string{"bearer"}, schemes(clients.Client{Source: "alertmanager"}))
	require.Equal(t, []string{"github"}, schemes(clients.Client{Source: "github", Secret: clients.Secrets{"s"}}))
	require.Equal(t, []string{"basic", "github"}, schemes(clients.Client{Source: "github", Secret: clients.Secrets{"s"}, Auth: []clients.Auth{{Scheme: "basic"}}}))
	require.True(t, clients.Client{Source: "github"}.RespondsAsync())
	require.False(t, clients.Client{Source: "github", Respond: "sync"}.RespondsAsync())
	require.False(t, clients.Client{}.RespondsAsync())
	require.False(t, clients.Client{Source: "github", CommandID: "c"}.TakesRequest())
}

func TestSecretsOfProofsAreSealed(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *store.Store, all catalog.Section[clients.Client]) {
		ctx := t.Context()
		c := clients.Client{ID: "hub", Source: "github", Secret: clients.Secrets{"s3cret-one"}, AllowedAgents: []string{"a"},
			Auth: []clients.Auth{{Scheme: "basic"}, {Scheme: "stripe", Secret: clients.Secrets{"s3cret-two", "s3cret-three"}}}}
		_, err := insert(t, s, all, c)
		require.NoError(t, err)
		rows, err := store.Rows[struct{ Spec string }](s.Read(ctx), "SELECT spec FROM resources WHERE kind = 'clients'")
		require.NoError(t, err)
		require.NotContains(t, rows[0].Spec, "s3cret")
	})
}

func TestAuthIsATextOrAnObject(t *testing.T) {
	var c clients.Client
	require.NoError(t, json.Unmarshal([]byte(`{"auth":["basic",{"scheme":"github","secret":"s"}],"secret":["a","b"]}`), &c))
	require.Equal(t, []clients.Auth{{Scheme: "basic"}, {Scheme: "github", Secret: clients.Secrets{"s"}}}, c.Auth)
	require.Equal(t, clients.Secrets{"a", "b"}, c.Secret)
	require.Error(t, json.Unmarshal([]byte(`{"auth":[{"scheme":"x","sekret":"s"}]}`), &c, json.RejectUnknownMembers(true)))
}

// For whoever calls, the same has to be tried: otherwise the time would tell which clients there are.
func TestEveryIDIsVerifiedInTheSameWays(t *testing.T) {
	one, two := declare("one", "t1"), declare("two", "t2")
	one.Auth = []clients.Auth{{Scheme: "github", Secret: clients.Secrets{"a", "b", "c"}}, {Scheme: "basic"}}
	two.Auth = []clients.Auth{{Scheme: "github", Secret: clients.Secrets{"d"}}, {Scheme: "query", Name: "token"}}
	s := newSet(t, one, two, declare("three", "t3"))
	work := func(m *clients.Member) map[string]int {
		own, decoys := s.Proofs.Of(m)
		count := map[string]int{}
		for _, list := range [][]senders.Proof{own, decoys} {
			for _, p := range list {
				count[p.Key()] += 1 + len(p.Secrets)
			}
		}
		return count
	}
	want := work(nil)
	require.Len(t, want, 4, "github, basic, query and bearer")
	for _, id := range []string{"one", "two", "three"} {
		require.Equal(t, want, work(s.Get(id)), id)
	}
}
