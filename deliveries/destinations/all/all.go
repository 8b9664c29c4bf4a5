// Package all lists the destinations.
package all

import (
	"beckon/deliveries/destinations"
	"beckon/deliveries/destinations/discord"
	"beckon/deliveries/destinations/email"
	"beckon/deliveries/destinations/github"
	"beckon/deliveries/destinations/gitlab"
	"beckon/deliveries/destinations/googlechat"
	"beckon/deliveries/destinations/http"
	"beckon/deliveries/destinations/mattermost"
	"beckon/deliveries/destinations/ntfy"
	"beckon/deliveries/destinations/pagerduty"
	"beckon/deliveries/destinations/slack"
	"beckon/deliveries/destinations/teams"
	"beckon/deliveries/destinations/telegram"
)

// Destinations are all that there are, one line each, in the order in which people are shown them.
var Destinations = destinations.Set{
	slack.Destination,
	discord.Destination,
	teams.Destination,
	mattermost.Destination,
	googlechat.Destination,
	telegram.Destination,
	ntfy.Destination,
	pagerduty.Destination,
	github.Destination,
	gitlab.Destination,
	email.Destination,
	http.Destination,
}
