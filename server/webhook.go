package server

import (
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/clients"
	"beckon/internal/problem"
	"beckon/runs"
)

const webhookRoute = "/api/v1/webhooks/:clientID"

// webhook runs what a client calls for and brings the answer back.
func (s *Server) webhook(c echo.Context) error {
	k := &call{catalog: s.Catalog(), received: time.Now()}
	k.client = k.catalog.Clients.Authenticate(c.Param("clientID"), bearer(c.Request().Header))
	if k.client == nil {
		s.Metrics.Refused(problem.Of(errUnauthorized).Code)
		return errUnauthorized
	}
	return s.answerCall(c, k, runs.SourceWebhook, false, func(k *call, r clients.Request) (clients.Prompt, error) {
		return k.client.Prompt(k.catalog.Commands, r, int(k.client.BodyLimit(s.MaxBodyBytes)))
	})
}

// limitHeaders writes the RateLimit fields of draft-ietf-httpapi-ratelimit-headers for the limits that the client has.
func limitHeaders(c echo.Context, client *clients.Member, quota clients.Quota) {
	header := c.Response().Header()
	if quota.Limit > 0 {
		header.Add("RateLimit-Policy", `"requests";q=`+strconv.Itoa(quota.Limit)+`;w=`+strconv.Itoa(wholeSeconds(quota.Window)))
		header.Add("RateLimit", `"requests";r=`+strconv.Itoa(quota.Remaining)+`;t=`+strconv.Itoa(wholeSeconds(quota.Reset)))
	}
	if client.MaxConcurrent > 0 {
		header.Add("RateLimit-Policy", `"concurrent";q=`+strconv.Itoa(client.MaxConcurrent)+`;qu="concurrent-requests"`)
		header.Add("RateLimit", `"concurrent";r=`+strconv.Itoa(client.Free()))
	}
}
