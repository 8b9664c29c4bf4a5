// Package github is GitHub's webhooks, and those of Gitea and Forgejo, which say the same in the same shape.
package github

import (
	"net/http"

	"beckon/calls/senders"
)

const signatureHeader = "X-Hub-Signature-256"

// Sender is documented at https://docs.github.com/webhooks
var Sender = &senders.Sender{
	Name: "github", Title: "GitHub", Group: senders.Git, Async: true,
	Setup: senders.Setup{
		About: "Pushes, pull requests, issues, releases",
		Place: "Settings, Webhooks, of a repository or organisation",
		Steps: []string{
			"Press Add webhook, and paste the URL as Payload URL.",
			"Choose the content type application/json, and paste the secret as Secret.",
			"Choose the events that you want, and press Add webhook: GitHub sends a ping at once.",
		},
		Secret: "Secret",
	},
	Verify: senders.BodySignature(signatureHeader, "sha256=", githubID),
	Shows:  senders.Header(signatureHeader),
	Event: func(d senders.Delivery) senders.Event {
		return event("github", d.Value("X-Github-Event"), githubID(d), d)
	},
	Prompt:     func(e senders.Event) string { return senders.Describe("GitHub", e) },
	DeliveryID: githubID,
	Handshake: func(d senders.Delivery) (*senders.Answer, error) {
		if d.Value("X-Github-Event") != "ping" {
			return nil, nil
		}
		return &senders.Answer{Status: http.StatusOK}, nil
	},
}

var githubID = senders.FromHeader("X-Github-Delivery")

// Gitea is documented at https://docs.gitea.com/usage/webhooks. Forgejo sends its headers too.
var Gitea = &senders.Sender{
	Name: "gitea", Title: "Gitea, Forgejo", Group: senders.Git, Async: true,
	Setup: senders.Setup{
		About: "Pushes, pull requests, issues, releases",
		Place: "Settings, Webhooks, of a repository or organisation",
		Steps: []string{
			"Add a webhook of the type Gitea (or Forgejo), and paste the URL as Target URL.",
			"Choose POST and application/json, and paste the secret as Secret.",
			"Choose the events, add the webhook, and press Test delivery.",
		},
		Secret: "Secret",
	},
	Verify: senders.BodySignature("X-Gitea-Signature", "", giteaID),
	Shows:  senders.Header("X-Gitea-Signature"),
	Event: func(d senders.Delivery) senders.Event {
		return event("gitea", d.Value("X-Gitea-Event"), giteaID(d), d)
	},
	Prompt:     func(e senders.Event) string { return senders.Describe("Gitea", e) },
	DeliveryID: giteaID,
}

var giteaID = senders.FromHeader("X-Gitea-Delivery")
