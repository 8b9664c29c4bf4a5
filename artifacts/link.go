package artifacts

import (
	"errors"
	"net/url"
	"time"

	"beckon/internal/problem"
	"beckon/internal/signature"
)

// Path is the path that links have, in front of the id of their artifact.
const Path = "/a/"

// linkPurpose is what the key of links is derived for.
const linkPurpose = "beckon artifact links v1"

// Link is an address that opens an artifact until a time. The zero one is of a gateway without a key: see Config.
type Link struct {
	URL       string
	ExpiresAt time.Time
}

// Link signs a link that whoever has it may open.
func (s *Service) Link(id string) Link {
	expires := s.Now().Add(s.LinkTTL).UTC().Truncate(time.Second)
	path := s.pathUntil(id, expires)
	if path == "" {
		return Link{}
	}
	return Link{s.PublicURL + path, expires}
}

// PathFor signs a link for a page of ours, without what it begins with. It is the same for an hour, so that a page
// that is drawn again does not load what it shows again.
func (s *Service) PathFor(id string) string {
	return s.pathUntil(id, s.Now().Truncate(time.Hour).Add(2*time.Hour))
}

// pathUntil is empty where there is no key.
func (s *Service) pathUntil(id string, until time.Time) string {
	query, err := s.links.Query(id, until)
	if err != nil {
		s.Log.Warn("links to artifacts cannot be signed", "error", err)
		return ""
	}
	return Path + id + "?" + query
}

// Check says whether a link may be opened now: a NotFound that it was not made here, a Gone that its time is over.
// An artifact that was removed has links that pass.
func (s *Service) Check(id string, query url.Values) error {
	switch err := s.links.Check(id, query, s.Now()); {
	case errors.Is(err, signature.ErrNoLink):
		return errNoLink
	case errors.Is(err, signature.ErrLinkExpired):
		return errExpired
	case err != nil:
		return unavailable(err)
	}
	return nil
}

var (
	errNoLink = problem.New(problem.NotFound, codeNotFound,
		"There is no such artifact, or the link to it is not whole.")
	errExpired = problem.New(problem.Gone, "link_expired",
		"This link has expired. Read the run again to get a new one.")
)
