package clients_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/clients"
)

func TestKeepRequestsIsChecked(t *testing.T) {
	no := false
	for name, row := range map[string]struct {
		client clients.Client
		wrong  string
	}{
		"none":     {clients.Client{}, ""},
		"most":     {clients.Client{KeepRequests: clients.MaxKeptRequests}, ""},
		"too many": {clients.Client{KeepRequests: clients.MaxKeptRequests + 1}, "must be from 0 to 1000"},
		"negative": {clients.Client{KeepRequests: -1}, "must be from 0 to 1000"},
		"redacted": {clients.Client{KeepRequests: 1, Redact: &clients.Redact{Kinds: []string{"email"}}}, "cannot be used with redact"},
		"discards": {clients.Client{KeepRequests: 1, StoreContent: &no}, "cannot be used with redact or storeContent: false"},
	} {
		row.client.Passthrough, row.client.AllowedAgents = true, []string{"a"}
		found := row.client.Check()
		if row.wrong == "" {
			require.Empty(t, found, name)
			continue
		}
		require.Len(t, found, 1, name)
		require.Equal(t, "keepRequests", found[0].Path)
		require.Contains(t, found[0].Message, row.wrong, name)
	}
}
