package senders

// Setup is what a person needs to know to connect a sender, in the words of the sender's own pages.
type Setup struct {
	About string // what it sends: a few words
	// Place is where its webhooks are set up, and Steps what has to be done there, one sentence each. "The URL",
	// "the secret" and "the token" are those that Beckon shows.
	Place string
	Steps []string
	// Secret is what the sender calls the secret that it signs with. It is empty where the sender signs nothing.
	Secret string
	// MakesSecret says that the sender makes the secret itself; SecretFrom says where it shows it.
	MakesSecret bool
	SecretFrom  string
	// Proof is how the sender proves itself where that is neither a signature with a secret nor a bearer token.
	Proof *Proof
}

// Signs reports whether the sender signs its calls with a secret.
func (s *Sender) Signs() bool { return s.Verify != nil && !s.Keyless }
