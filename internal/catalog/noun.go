// Package catalog stores, checks and changes the resources that users configure, of any kind.
//
// A noun is one kind of resource, such as clients or agents. Each noun is declared by one Noun value in its own
// package, and a Registry lists all nouns. This package, the configuration, the API and the audit list do not depend
// on particular nouns.
//
//   - A View contains the resources of the configuration file and of the database, with the mistakes in each. It is
//     never changed. A resource with a mistake is not in force, nor are resources that refer to it; all others are.
//   - An Editor builds each View and puts it in force. It holds its lock from reading the current View until the next
//     one is in force, so that no change is lost.
//   - A change commits only if the database has not changed since the View against which it was checked. Every change
//     increases a revision, which is compared in the same transaction.
package catalog

import (
	"net/netip"
	"reflect"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// Resource is one thing that a person has named.
type Resource interface {
	Key() string           // its id
	Check() problem.Fields // what is wrong with it on its own
}

// Former is a resource whose documents had other keys in earlier versions, where what a key means follows from the
// kind of its value. It is implemented by pointers: the resource may remember that it was read like this.
type Former interface {
	// FormerKey returns what a key of a document is called now.
	FormerKey(key string, isBoolean bool) (now string)
}

// Kind describes a noun to code that does not know its type.
type Kind struct {
	Section string // "clients": the key in the file, the kind in the database, the path in the API
	One     string // "client"
	// Group is what references name. The nouns of one group share their ids. It is the section unless it is set.
	Group string
	// FileSecrets are secrets that a file has to give and the database does not have, by path, with what an export says
	// of them.
	FileSecrets map[string]string
	// HidesURL reports whether all of a resource's url may be a secret, by its other fields; nil is never.
	HidesURL func(field func(name string) string) bool

	Type reflect.Type // of the resources; NewRegistry sets it
}

// Noun declares one kind of resource. T is a struct: its JSON is the document in the database, its YAML is the form
// in the file, its field ID is the id, and an id can be derived from its field Name, if it has one. Functions may
// be nil.
type Noun[T Resource] struct {
	Kind
	Secrets    func(*T) Secrets
	References func(T) []Reference

	// LookUp looks up what a resource of the database names in the environment. caution is what should be changed
	// about it although it can be used.
	LookUp func(f File, env Env, item T) (used T, wrong, caution problem.Fields)
	// Cautions says what should be changed about a resource although it can be used.
	Cautions func(T) problem.Fields
	// CheckFile finds what is wrong with the file's resources besides what Check finds: one Fields for each.
	CheckFile func(f File, list []T) []problem.Fields
	// Link makes what is used at run time of the resources of a View, and keeps it there; see Keep. It reports what
	// cannot be linked.
	Link func(v *View, report func(section, id string, found problem.Fields))
	// CheckAmong finds what is wrong with a resource among the others, besides its References.
	CheckAmong func(v *View, item T) problem.Fields
	// CheckChange finds what a file may have, and a change from have to item may not. have is the zero T for a new one.
	CheckChange func(v *View, have, item T) problem.Fields

	// Revise completes next, which has its secrets already. have is what it replaces, the zero T for a new one.
	Revise func(have, next T) T
	// Saved writes what belongs to a resource, in the transaction that writes it; shown is told this once, of a new
	// one.
	Saved func(tx store.Tx, item T, isNew bool) (shown secret.String, err error)
	// Deleted deletes what belonged to it.
	Deleted func(tx store.Tx, id string) error
	// Complete adds what is known besides the documents.
	Complete func(tx store.Tx, list []*T) error
	// Audited returns a resource as the audit list shows it.
	Audited func(T) T
}

// Reference is a place in a resource that names another one.
type Reference struct {
	Path string // "allowedAgents[1]"
	To   string // a Group: "agents"
	ID   string
}

// File is the configuration file, as far as it declares resources and what they obey.
type File interface {
	Items(section string) []Resource // in the order of the file
	Line(path string) int            // of "clients[0].token"; 0 where it is unknown
	Networks() []netip.Prefix        // the private ones that may be reached
	HTTPSOnly() bool                 // events go over http to those alone
	Variables() []string             // of the environment, that resources of the database may name
	Commands() bool                  // resources of the database may name programs to start
	Redactor() secret.Redactor       // of the values that no message may show
	// names the lines of what is wrong, by paths such as "clients[0].token"; nil for none
	Err(mistakes problem.Fields) error
}
