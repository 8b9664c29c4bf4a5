package clients

import (
	"cmp"
	"iter"
	"maps"
	"time"

	"beckon/internal/gate"
	"beckon/internal/problem"
	"beckon/internal/render"
)

// Declared is a client together with what proves it.
type Declared struct {
	Client
	Credentials []Credential
	// Unusable says that something is wrong with it, or with what it needs: it is known, and its calls are refused.
	Unusable bool
}

// Set holds the clients of one moment, in memory: to authenticate a call costs no query. It never changes; a new
// configuration makes a new Set.
type Set struct {
	byID    map[string]*Member
	byHash  map[Hash]*Member
	byForm  map[string]*Member // the key of a form, also one that was replaced and is still good
	Proofs  Proofs             // of all its clients
	origins map[string]bool    // of all its clients; see Client.CORS
	// MaxBodyBytes is the largest limit of a client, 0 where none has one of its own.
	MaxBodyBytes int64
}

// NewSet builds a Set that uses the limits of its clients. A client with a mistake is reported and unusable; one
// without a token is left out.
func NewSet(list []Declared, limits *Limits) (*Set, []problem.Finding) {
	s := &Set{
		byID:    make(map[string]*Member, len(list)),
		byHash:  make(map[Hash]*Member, len(list)),
		byForm:  map[string]*Member{},
		origins: map[string]bool{},
	}
	var findings []problem.Finding
	for _, d := range list {
		m := &Member{Client: d.Client, Sender: Source(cmp.Or(d.Source, "generic")),
			credentials: newCredentials(d.Credentials), tokens: d.Credentials, Unusable: d.Unusable}
		m.Passthrough = d.TakesRequest()
		m.Content = d.content()
		var fields, shared problem.Fields
		if !d.Unusable {
			fields = d.Check()
			if d.Template != "" {
				var err error
				if m.PromptTemplate, err = render.Parse(d.Template, "client", "receivedAt"); err != nil {
					fields.Add("template", "%v", err)
				}
			}
			if d.Filter != "" {
				m.Condition, _ = compileFilter(d.Filter) // Check reports what is wrong with it
			}
			if c := d.coalescing(); c != nil {
				m.Coalescing = c.compile() // Check reports what is wrong with it
			}
			if d.Gate != "" {
				m.AnswerGate, _ = gate.Parse(d.Gate) // Check reports what is wrong with it
			}
			m.MetadataJSON, _ = d.metadata() // Check reports what is wrong with it
			m.Unusable = len(fields) > 0
		}
		for _, c := range d.Credentials {
			if other := s.byHash[c.Hash]; other != nil {
				shared.Add("token", "is also the token of client %q; every client needs one of its own", other.ID)
			}
		}
		for _, key := range d.formKeys() {
			if other := s.byForm[key]; other != nil {
				shared.Add("form.key", "is also the key of client %q; every form needs one of its own", other.ID)
			}
		}
		if all := append(fields, shared...); len(all) > 0 {
			findings = append(findings, problem.Finding{Section: "clients", ID: d.ID, Fields: all})
		}
		if len(shared) > 0 {
			continue
		}
		if m.Unusable { // its rate may be what is wrong, and nothing is taken off it
			m.RateLimit = nil
		}
		m.limiter, m.underWay, m.addresses = limits.of(m.Client)
		s.byID[d.ID] = m
		for _, origin := range m.CORS {
			s.origins[origin] = true
		}
		s.MaxBodyBytes = max(s.MaxBodyBytes, m.BodyLimit(0))
		for _, c := range d.Credentials {
			s.byHash[c.Hash] = m
		}
		for _, key := range d.formKeys() {
			s.byForm[key] = m
		}
	}
	s.Proofs = newProofs(s.byID)
	return s, findings
}

// Authenticate returns the client with that id if the token is one of its tokens, and otherwise nil. It takes the
// same time whether or not the client exists.
func (s *Set) Authenticate(id, token string) *Member {
	m := s.byID[id]
	known := &nobody
	if m != nil {
		known = &m.credentials
	}
	if !known.match(HashOf(token), time.Now()) {
		return nil
	}
	return m
}

// ByToken returns the client whose token this is, or nil.
func (s *Set) ByToken(token string) *Member {
	hash := HashOf(token)
	m := s.byHash[hash]
	known := &nobody
	if m != nil {
		known = &m.credentials
	}
	if !known.match(hash, time.Now()) {
		return nil
	}
	return m
}

// Get returns the client of that id, or nil.
func (s *Set) Get(id string) *Member { return s.byID[id] }

// All returns the clients, in no order.
func (s *Set) All() iter.Seq[*Member] { return maps.Values(s.byID) }
