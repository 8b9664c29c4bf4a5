// Package share makes the pages of runs for recipients: people who have been given a link, and nothing else of Beckon.
//
// A page has the answer and the files of its run, and no more: neither what was asked, nor why a run has failed. It
// runs no script, loads nothing from elsewhere and sets no cookie.
package share

import (
	"errors"
	"log/slog"
	"net/url"
	"time"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
)

// Path is the path that links have, in front of the id of their run.
const Path = "/r/"

// linkPurpose is what the key of links is derived for.
const linkPurpose = "beckon share links v1"

// DefaultTTL is how long a link opens, unless Config says otherwise.
const DefaultTTL = 720 * time.Hour

// Config is what a Service is made of.
type Config struct {
	Log       *slog.Logger
	TTL       time.Duration                 // how long a link opens; DefaultTTL
	PublicURL string                        // what links begin with
	Key       func() (secret.String, error) // signs links; it is asked for once
	Now       func() time.Time              // nil is the system's clock
}

// Service signs the links to pages and checks them.
type Service struct {
	Config
	links     *signature.Links
	approvals *signature.Links
}

// New returns a service.
func New(c Config) *Service {
	if c.TTL == 0 {
		c.TTL = DefaultTTL
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Service{c, signature.NewLinks(linkPurpose, c.Key), signature.NewLinks(approvalPurpose, c.Key)}
}

// Link signs a link to the page of a run, which whoever has it may open for TTL. It is empty where there is no key.
func (s *Service) Link(runID string) string {
	query, err := s.links.Query(runID, s.Now().Add(s.TTL))
	if err != nil {
		s.Log.Warn("links to the pages of runs cannot be signed", "error", err)
		return ""
	}
	return s.PublicURL + Path + runID + "?" + query
}

// Check says whether a link may be opened now: ErrNoPage that it was not made here, ErrExpired that its time is
// over. The page of a run that was revoked has links that pass.
func (s *Service) Check(runID string, query url.Values) error {
	switch err := s.links.Check(runID, query, s.Now()); {
	case errors.Is(err, signature.ErrNoLink):
		return ErrNoPage
	case errors.Is(err, signature.ErrLinkExpired):
		return ErrExpired
	case err != nil:
		return problem.New(problem.Unavailable, problem.CodeStorageUnavailable,
			"The page cannot be shown now. Try again later.").Because(err)
	}
	return nil
}

// Why a link leads to no page. What they say is for the recipient.
var (
	ErrNoPage = problem.New(problem.NotFound, "page_not_found",
		"The link is incomplete, or its sender has withdrawn the page. Ask for a new link.")
	ErrExpired = problem.New(problem.Gone, "link_expired",
		"Links like this one open for a limited time, which is over. Ask whoever sent it for a new one.")
)
