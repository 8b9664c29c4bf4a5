package share

import (
	"net/http"
	"strings"
	"unicode"
)

// previews are words in the user agents of programs that open links of their own accord: to show what is behind
// them in a conversation, to index it, or to look whether it is harmful. Each is part of a lower-case user agent.
var previews = []string{
	"slackbot", "slack-imgproxy", "twitterbot", "facebookexternalhit", "facebookcatalog", "facebot",
	"meta-externalagent", "meta-externalfetcher",
	"whatsapp", "telegrambot", "discordbot", "linkedinbot", "skypeuripreview", "microsoftpreview", "bingpreview",
	"bingbot", "googlebot", "google-inspectiontool",
	"googleimageproxy", "google-read-aloud", "applebot", "pinterestbot", "redditbot", "mastodon/", "bluesky cardyb",
	"viber", "vkshare", "snapchat",
	"iframely", "embedly", "outbrain", "quora link preview", "zoombot", "mattermost-bot",
	"rocket.chat", "nextcloud server crawler",
	"duckduckbot", "yandexbot", "baiduspider", "petalbot", "ahrefsbot", "semrushbot", "mj12bot", "gptbot",
	"chatgpt-user", "oai-searchbot", "claudebot",
	"perplexitybot", "bytespider", "amazonbot", "ccbot", "headlesschrome", "barracuda", "proofpoint", "mimecast",
}

// IsPerson reports whether somebody looks at what a request asks for, as far as a request tells: it is no HEAD, no
// prefetch, and by no program that is known to look ahead.
func IsPerson(method string, header http.Header) bool {
	if method != http.MethodGet {
		return false
	}
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		value := strings.ToLower(header.Get(name))
		if strings.Contains(value, "prefetch") || strings.Contains(value, "preview") ||
			strings.Contains(value, "prerender") {
			return false
		}
	}
	agent := strings.ToLower(header.Get("User-Agent"))
	for _, word := range previews {
		if strings.Contains(agent, word) {
			return false
		}
	}
	return agent != ""
}

// maxUserAgent is how many characters of a user agent are told.
const maxUserAgent = 256

// UserAgent is a request's, bounded and in one line.
func UserAgent(header http.Header) string {
	agent := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(header.Get("User-Agent"), ""))
	if runes := []rune(agent); len(runes) > maxUserAgent {
		agent = string(runes[:maxUserAgent])
	}
	return agent
}
