package server

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// Managed is what the document of every resource has besides its own. It is exported because huma leaves out what is
// embedded and is not.
type Managed struct {
	ManagedBy string         `json:"managedBy" readOnly:"true" enum:"config,database" doc:"What the configuration file declares is read-only here."`
	InForce   bool           `json:"inForce" readOnly:"true" doc:"Whether calls can use it."`
	Version   int64          `json:"version" readOnly:"true" doc:"Every change makes it greater; the ETag. 0 for what the configuration file declares."`
	Warnings  problem.Fields `json:"warnings" readOnly:"true" nullable:"false" doc:"Why it is not active; or, if it is active, what you should change nevertheless."`
}

func (m *Managed) manage(to Managed) { *m = to }

// document is how the API shows a T.
type document[T any] interface {
	show(T)                                // as it may be shown
	read(catalog.Kind) (T, problem.Fields) // what is wrong with the form of a value that a T could not hold
	idField() *string                      // its id
	manage(Managed)
}

// revealing is a document that has what is shown only once of a T.
type revealing[T any] interface{ reveal(T, secret.String) }

// noun serves the resources of one noun; D is its document.
type noun[T catalog.Resource, D any, P interface {
	*D
	document[T]
}] struct {
	all catalog.Section[T]
	// adds what the resource itself does not know; nil for nothing
	complete     func(ctx context.Context, list []*D) error
	omitDefaults func(*T) // takes out what is at its default; nil for nothing
}

type idInput struct {
	ID string `path:"id" doc:"The id of the resource."`
}

type changeInput struct {
	ID      string `path:"id" doc:"The id of the resource."`
	IfMatch string `header:"If-Match" doc:"The ETag that you read. When the resource has another one by now, the answer is 412 and nothing is changed."`
}

type writeInput[D any] struct {
	ID      string `path:"id" doc:"The id of the resource."`
	IfMatch string `header:"If-Match" doc:"The ETag that you read. When the resource has another one by now, the answer is 412 and nothing is changed."`
	Body    D
}

type createInput[D any] struct{ Body D }

type documentOutput[D any] struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     D
}

type listOutput[D any] struct{ Body page[D] }

func (n noun[T, D, P]) kind() catalog.Kind { return n.all.Kind }

// register adds the five routes of the noun.
func (n noun[T, D, P]) register(api huma.API) {
	path, one := "/"+n.all.Section, strings.ReplaceAll(n.all.One, " ", "-")
	route(api, http.MethodGet, path, "list-"+n.all.Section, "List the "+n.all.Section, n.list)
	route(api, http.MethodPost, path, "create-"+one, "Make one of the "+n.all.Section, n.create,
		answers(http.StatusCreated, http.StatusConflict, http.StatusRequestEntityTooLarge,
			http.StatusUnsupportedMediaType))
	route(api, http.MethodGet, path+"/{id}", "get-"+one, "Read one of the "+n.all.Section, n.get)
	route(api, http.MethodPut, path+"/{id}", "update-"+one,
		"Change one of the "+n.all.Section+"; what is left out goes back to its default, and secrets stay", n.update,
		answers(http.StatusOK, http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge,
			http.StatusUnsupportedMediaType))
	route(api, http.MethodDelete, path+"/{id}", "delete-"+one, "Delete one of the "+n.all.Section, n.delete,
		answers(http.StatusNoContent, http.StatusConflict, http.StatusPreconditionFailed))
}

func (n noun[T, D, P]) list(ctx context.Context, in *listInput) (*listOutput[D], error) {
	all, err := n.all.List(ctx)
	if err != nil {
		return nil, err
	}
	records, next, err := pageAfter(all, *in)
	if err != nil {
		return nil, err
	}
	out := &listOutput[D]{pageOf(records, next, n.documentOf)}
	list := make([]*D, len(records))
	for i := range out.Body.Items {
		list[i] = &out.Body.Items[i]
	}
	return out, n.completed(ctx, list...)
}

func (n noun[T, D, P]) get(ctx context.Context, in *idInput) (*documentOutput[D], error) {
	record, err := n.all.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return n.answer(ctx, record)
}

func (n noun[T, D, P]) create(ctx context.Context, in *createInput[D]) (*documentOutput[D], error) {
	item, wrong := n.read(&in.Body)
	record, shown, err := n.all.Create(ctx, adminName(ctx), item, wrong...)
	if err != nil {
		return nil, err
	}
	out, err := n.answer(ctx, record)
	if err != nil {
		return nil, err
	}
	out.Location = adminPath + "/" + n.all.Section + "/" + *P(&out.Body).idField()
	if d, ok := any(&out.Body).(revealing[T]); ok {
		d.reveal(record.Item, shown)
	}
	return out, nil
}

func (n noun[T, D, P]) update(ctx context.Context, in *writeInput[D]) (*documentOutput[D], error) {
	id := P(&in.Body).idField()
	if *id != "" && *id != in.ID {
		var fields problem.Fields
		fields.Add("id", "cannot be changed; make a new one, and delete this one")
		return nil, fields.Err()
	}
	*id = in.ID
	version, err := n.ifMatchVersion(ctx, in.ID, in.IfMatch)
	if err != nil {
		return nil, err
	}
	item, wrong := n.read(&in.Body)
	record, err := n.all.Update(ctx, adminName(ctx), item, version, wrong...)
	if err != nil {
		return nil, err
	}
	return n.answer(ctx, record)
}

func (n noun[T, D, P]) delete(ctx context.Context, in *changeInput) (*struct{}, error) {
	version, err := n.ifMatchVersion(ctx, in.ID, in.IfMatch)
	if err != nil {
		return nil, err
	}
	return nil, n.all.Delete(ctx, adminName(ctx), in.ID, version)
}

// ifMatchVersion reads If-Match (RFC 9110, section 13.1.1): the version that a change was made for, 0 for any.
func (n noun[T, D, P]) ifMatchVersion(ctx context.Context, id, match string) (int64, error) {
	tag := strings.TrimSpace(match)
	if tag == "" || tag == "*" {
		return 0, nil
	}
	version, err := strconv.ParseInt(strings.Trim(tag, `"`), 10, 64)
	if err != nil || version < 1 {
		if _, err := n.all.Get(ctx, id); err != nil {
			return 0, err
		}
		return 0, catalog.ChangedSince(n.all.Section, id)
	}
	return version, nil
}

func (n noun[T, D, P]) answer(ctx context.Context, record catalog.Record[T]) (*documentOutput[D], error) {
	out := &documentOutput[D]{Body: n.documentOf(record)}
	if record.Version > 0 {
		out.ETag = `"` + strconv.FormatInt(record.Version, 10) + `"`
	}
	return out, n.completed(ctx, &out.Body)
}

func (n noun[T, D, P]) read(body *D) (T, problem.Fields) {
	item, wrong := P(body).read(n.all.Kind)
	if n.omitDefaults != nil {
		n.omitDefaults(&item)
	}
	return item, wrong
}

func (n noun[T, D, P]) completed(ctx context.Context, list ...*D) error {
	if n.complete == nil {
		return nil
	}
	return n.complete(ctx, list)
}

func (n noun[T, D, P]) documentOf(record catalog.Record[T]) (d D) {
	P(&d).show(n.all.Shown(record.Item))
	warnings := append(problem.Fields{}, record.Warnings...)
	P(&d).manage(Managed{
		record.Origin, len(record.Warnings) == 0, record.Version, append(warnings, record.Cautions...),
	})
	return d
}
