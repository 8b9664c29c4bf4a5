package config

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"beckon/agents"
	"beckon/clients"
	"beckon/deliveries"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

func mergeClient(have, wanted clients.Client) clients.Client {
	wanted.WebhookSecret = have.WebhookSecret.Revised(wanted.WebhookSecret)
	wanted.Since = have.Since
	return wanted
}

const (
	onlyShown    = "must be the secret itself: ••• is only what is shown in its place"
	onlyShownURL = "must have its values themselves: ••• is only what is shown in the place of one, and stands for it as long as scheme, host and path stay the same"
)

func checkMasked(found *problem.Fields, url string) {
	if secret.IsMaskedURL(url) {
		found.Add("url", onlyShownURL)
	}
}

func checkSecrets(headers map[string]secret.String) (found problem.Fields) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		switch value := headers[name]; {
		case value == secret.Mask:
			found.Add(name, onlyShown)
		case value.IsReference():
			found.Add(name, "cannot refer to a variable: that is for the configuration file")
		}
	}
	return found
}

// Secrets that nobody can read are sent only to where they were given for. Else whoever may change the address could have
// them sent to one of their own.

func movesProvider(have, wanted agents.Provider) (found problem.Fields) {
	if sameOrigin(have.URL, wanted.URL) {
		return nil
	}
	if have.APIKey.IsKeptBy(wanted.APIKey) {
		found.Add("apiKey", "must be given again: the kept one is for another address")
	}
	found.Under("headers", moveHeaders(have.Headers, wanted.Headers))
	return found
}

func movesEndpoint(have, wanted deliveries.Endpoint) (found problem.Fields) {
	if !sameOrigin(have.URL, wanted.URL) {
		found.Under("headers", moveHeaders(have.Headers, wanted.Headers))
	}
	return found
}

func moveHeaders(have, wanted map[string]secret.String) (found problem.Fields) {
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if secret.InHeaders(have, name).IsKeptBy(wanted[name]) {
			found.Add(name, "must be given again: the kept value is for another address")
		}
	}
	return found
}

// sameOrigin compares scheme, host and port (RFC 6454).
func sameOrigin(a, b string) bool {
	of := func(text string) (string, bool) {
		u, err := url.Parse(text)
		if err != nil {
			return "", false
		}
		scheme, port := strings.ToLower(u.Scheme), u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[scheme]
		}
		return scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port, true
	}
	x, ok := of(a)
	y, fine := of(b)
	return ok && fine && x == y
}
