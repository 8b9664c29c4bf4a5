// Package all lists the senders that Beckon knows, one line each.
package all

import (
	"beckon/calls/senders"
	"beckon/calls/senders/alertmanager"
	"beckon/calls/senders/bitbucket"
	"beckon/calls/senders/cloudevents"
	"beckon/calls/senders/form"
	"beckon/calls/senders/generic"
	"beckon/calls/senders/github"
	"beckon/calls/senders/gitlab"
	"beckon/calls/senders/grafana"
	"beckon/calls/senders/hmac"
	"beckon/calls/senders/jira"
	"beckon/calls/senders/linear"
	"beckon/calls/senders/oidc"
	"beckon/calls/senders/pagerduty"
	"beckon/calls/senders/sentry"
	"beckon/calls/senders/shopify"
	"beckon/calls/senders/slack"
	"beckon/calls/senders/sns"
	"beckon/calls/senders/standardwebhooks"
	"beckon/calls/senders/stripe"
	"beckon/calls/senders/token"
	"beckon/calls/senders/twilio"
	"beckon/calls/senders/uptimekuma"
)

// Senders returns all of them. keys and certificates are the ways out to issuers and to Amazon.
func Senders(keys oidc.Keys, certificates *sns.Certificates) senders.Set {
	return senders.Set{
		token.Bearer,
		token.Basic,
		token.Header,
		token.Query,
		hmac.Scheme,
		oidc.Scheme(keys),

		alertmanager.Sender,
		grafana.Sender,
		pagerduty.Sender,
		sentry.Sender,
		uptimekuma.Sender,

		github.Sender,
		gitlab.Sender,
		bitbucket.Sender,
		github.Gitea,

		stripe.Sender,
		shopify.Sender,

		generic.Sender,
		form.Sender,
		standardwebhooks.Sender,
		cloudevents.Sender,
		cloudevents.EventGrid,
		sns.Sender(certificates),
		slack.Sender,
		linear.Sender,
		jira.Sender,
		twilio.Sender,
	}
}
