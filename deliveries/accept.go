package deliveries

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"beckon/internal/problem"
	"beckon/internal/redact"
)

// Accept reads the webhook of a client's call and returns the form in which its run keeps it. An Invalid says what is
// wrong with it, an Unavailable that the secrets in its headers cannot be kept.
func (s *Service) Accept(clientID string, rules *redact.Rules, object json.RawMessage) (json.RawMessage, error) {
	c, err := ReadCallback(object, s.CheckURL)
	if err != nil {
		return nil, err
	}
	c.Metadata = rules.JSON(c.Metadata)
	var found problem.Fields
	usual := EventNames()
	known := append(slices.Clone(usual), s.EventNames()...)
	for i, name := range c.Events {
		if !slices.Contains(known, name) {
			found.Add(fmt.Sprintf("webhook.events[%d]", i),
				"is not the name of an event; there are %s, and those that your agents and flows name in their events",
				strings.Join(usual, ", "))
		}
	}
	if len(found) > 0 {
		return nil, invalidCallback(found)
	}
	stored, err := c.Seal(s.Sealer, sealedFor(clientID))
	if err != nil {
		return nil, problem.New(problem.Unavailable, problem.CodeSecretsUnavailable,
			"The values of webhook.headers cannot be kept safely: the gateway has no key for secrets. "+
				"Set server.secretsKey, or leave the headers out.").Because(err)
	}
	return stored, nil
}

// sealedFor is the place that the secrets of a client's callbacks are bound to.
func sealedFor(clientID string) string { return "callbacks/" + clientID }
