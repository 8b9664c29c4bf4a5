package web

import (
	"cmp"
	"slices"

	"beckon/deliveries"
)

// endpointKind is a card of "Where do answers go?": what the page says of a format, and where its address is found.
type endpointKind struct {
	Format, Title, About, Glyph string
	Site                        string // the address, without https://, of the site on which Find begins; empty for none
	Find                        string // where people find what the form asks for
	More                        string // another way, which needs more than a URL
	Guide                       string // the page that says more
	// NeedsOnlyURL says that an endpoint of this kind is complete with a URL. It can be created together with a client.
	NeedsOnlyURL bool
	// Needs are the fields that have to be filled in, for the style sheet; empty for the URL alone.
	Needs string
}

// kindGroup is a heading with its cards.
type kindGroup struct {
	Title string
	Kinds []endpointKind
}

// kindGroups are all cards, as people look for them. A format that has none comes last, as it describes itself.
func kindGroups() []kindGroup {
	groups := []kindGroup{
		{"Chats and inboxes", []endpointKind{
			{
				Format:       "slack",
				Title:        "Slack",
				About:        "A channel",
				Glyph:        "Sl",
				Guide:        "/docs/guides/slack",
				NeedsOnlyURL: true,
				Needs:        "url-or-token",
				Site:         "api.slack.com/apps",
				Find:         "open your app, Incoming Webhooks, add one for the channel, and copy its URL.",
				More:         "With a bot instead: leave the URL empty, and enter its token (xoxb-…) and the channel.",
			},
			{Format: "discord", Title: "Discord", About: "A channel", Glyph: "Di", NeedsOnlyURL: true,
				Find: "In the channel’s settings, open Integrations, Webhooks, create one, and copy its URL."},
			{Format: "teams", Title: "Microsoft Teams", About: "A channel", Glyph: "Te", NeedsOnlyURL: true,
				Find: "In the channel’s menu, open Workflows, choose “Send webhook alerts to a channel”, and copy the URL it shows."},
			{Format: "mattermost", Title: "Mattermost", About: "A channel", Glyph: "Mm", NeedsOnlyURL: true,
				Find: "In the product menu, open Integrations, Incoming Webhooks, add one for the channel, and copy its URL."},
			{Format: "google-chat", Title: "Google Chat", About: "A space", Glyph: "Go", NeedsOnlyURL: true,
				Find: "In the space’s menu, open Apps & integrations, Webhooks, add one, and copy its URL with key and token."},
			{
				Format: "telegram",
				Title:  "Telegram",
				About:  "A chat or a channel",
				Glyph:  "Tg",
				Needs:  "to secret",
				Find: "Create a bot with @BotFather: it gives you the token. Add the bot to the chat, and enter the chat’s number, " +
					"or @name of a channel.",
			},
			{
				Format:       "email",
				Title:        "Email",
				About:        "One or more addresses",
				Glyph:        "@",
				Guide:        "/docs/destinations#mail",
				NeedsOnlyURL: true,
				Find: "Enter mailto: and the address, such as mailto:ops@example.com. " +
					"The mail server is set by smtp in the configuration file.",
			},
			{
				Format: "ntfy",
				Title:  "ntfy",
				About:  "Push to a phone",
				Glyph:  "nt",
				Needs:  "to",
				Find: "Enter the topic that you subscribe to in ntfy’s app. A server of your own also needs its URL, " +
					"and its access token (tk_…) if it asks for one.",
			},
		}},
		{"Incidents and code", []endpointKind{
			{
				Format: "pagerduty",
				Title:  "PagerDuty",
				About:  "An alert, or a note on an incident",
				Glyph:  "PD",
				Guide:  "/docs/destinations#notes-on-incidents",
				Needs:  "secret",
				Find: "In the service, open Integrations, add Events API v2, and enter its integration key. For notes on incidents: " +
					"a key of the REST API (Integrations, API Access Keys), and a user’s email address.",
			},
			{
				Format: "github",
				Title:  "GitHub",
				About:  "A comment or a commit status",
				Glyph:  "GH",
				Guide:  "/docs/destinations#github-and-gitlab",
				Needs:  "secret repositories",
				Find: "Under Settings, Developer settings, create a fine-grained token with write access to issues and pull requests. " +
					"Also for Gitea and Forgejo, with the URL of the server.",
			},
			{
				Format: "gitlab",
				Title:  "GitLab",
				About:  "A comment or a commit status",
				Glyph:  "GL",
				Guide:  "/docs/destinations#github-and-gitlab",
				Needs:  "secret repositories",
				Find: "In the project’s settings, open Access tokens, and create one with the scope api and the role Reporter " +
					"(Developer for statuses).",
			},
		}},
		{"Your own program", []endpointKind{
			{
				Format:       deliveries.DefaultFormat,
				Title:        "Webhook",
				About:        "Signed JSON with everything",
				Glyph:        "{}",
				Guide:        "/docs/deliveries",
				NeedsOnlyURL: true,
				Find: "Enter the URL that your program listens at. Beckon signs each request, " +
					"and shows the secret after you create the endpoint.",
			},
			{Format: "cloudevents", Title: "CloudEvents", About: "Version 1.0, structured", Glyph: "CE", Guide: "/docs/deliveries",
				Find: "Enter the URL of your event broker or function. The data is the body of the Webhook format."},
			{Format: "http", Title: "HTTP request", About: "Any method and body", Glyph: "↗", Guide: "/docs/destinations#any-http-request",
				Find: "Enter the URL of the API, then the method, and templates for path and body. For a ticket system, for example."},
			{
				Format: formatTemplate,
				Title:  "JSON template",
				About:  "Your own JSON, signed",
				Glyph:  "{{",
				Guide:  "/docs/deliveries#templates",
				Find:   "Enter the URL, and a template that makes the JSON.",
			},
			{
				Format: "payload",
				Title:  "Webhook: payload",
				About:  "type, payload.id, payload.status",
				Glyph:  "{}",
				Guide:  "/docs/deliveries",
				Find:   "For receivers that expect {\"type\", \"payload\": {\"id\", \"status\", \"downloads\"}}.",
			},
			{Format: "event", Title: "Webhook: event", About: "event, timestamp, run_id, data", Glyph: "{}", Guide: "/docs/deliveries",
				Find: "For receivers that expect {\"event\", \"timestamp\", \"run_id\", \"data\"}."},
		}},
	}
	last := &groups[len(groups)-1]
	for _, f := range deliveries.Formats() {
		if !slices.ContainsFunc(groups, func(g kindGroup) bool { return g.has(f.Name) }) {
			last.Kinds = append(last.Kinds, endpointKind{Format: f.Name, Title: f.Title, Glyph: "{}", Find: f.Help})
		}
	}
	return groups
}

func (g kindGroup) has(format string) bool {
	return slices.ContainsFunc(g.Kinds, func(k endpointKind) bool { return k.Format == format })
}

// kindOf returns the card of a format; the template's for formats that are templates.
func kindOf(format string) endpointKind {
	for _, g := range kindGroups() {
		for _, k := range g.Kinds {
			if k.Format == cmp.Or(format, deliveries.DefaultFormat) {
				return k
			}
		}
	}
	if format != formatTemplate {
		return kindOf(formatTemplate)
	}
	return endpointKind{}
}

// quickKinds are those that can be created together with a client.
func quickKinds() (list []endpointKind) {
	for _, g := range kindGroups() {
		for _, k := range g.Kinds {
			if k.NeedsOnlyURL {
				list = append(list, k)
			}
		}
	}
	return list
}
