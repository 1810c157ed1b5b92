package handlers

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

func (s *Site) restGroups(c echo.Context) error {
	tree, err := s.Groups.GroupTree(c.Request().Context())
	if err != nil {
		return err
	}
	kinds, err := s.directoryKinds(c.Request().Context())
	if err != nil {
		return err
	}
	out := []map[string]any{}
	for _, g := range tree.All() {
		out = append(out, jsonOfGroup(g, kinds))
	}
	return c.JSON(http.StatusOK, out)
}

func (s *Site) restGroupCreate(c echo.Context) error {
	ctx := c.Request().Context()
	g := agent.Group{Directory: agent.LocalDirectory}
	member, err := readGroupJSON(c, &g)
	if err != nil {
		return err
	}
	if !g.Local() {
		if g.Member, err = s.directoryGroup(ctx, g.Directory, member); err != nil {
			return err
		}
		if g.Name == "" {
			g.Name = agent.Clean(g.Member.Name, agent.MaxGroupName)
		}
	}
	id, err := s.createGroup(c, g)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]agent.GroupID{"id": id})
}

func (s *Site) restGroupChange(c echo.Context, _ agent.GroupTree, g agent.Group) error {
	_, body, err := readObject(c)
	if err != nil {
		return err
	}
	g, err = s.changeGroup(c, g.ID, func(g *agent.Group) error {
		was := *g
		member := g.Member.Name
		if err := decodeGroup(g, &member, body); err != nil {
			return err
		}
		return checkFixed(was, *g, member)
	})
	if err != nil {
		return err
	}
	kinds, err := s.directoryKinds(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, jsonOfGroup(g, kinds))
}

func (s *Site) restGroupDelete(c echo.Context, _ agent.GroupTree, g agent.Group) error {
	return doneREST(c, s.deleteGroup(c, g))
}

// readGroupJSON applies a request's body to a new group. It returns the group of the directory as it was typed.
func readGroupJSON(c echo.Context, g *agent.Group) (member string, err error) {
	_, body, err := readObject(c)
	if err != nil {
		return "", err
	}
	if err := decodeGroup(g, &member, body); err != nil {
		return "", err
	}
	if g.Local() != (member == "") {
		field := "directory_group"
		if g.Local() {
			field = "directory"
		}
		return "", agent.Problems{{Field: field, Code: "field_required"}}
	}
	return member, nil
}

// checkFixed returns a problem if the directory or its group would change. member is the group as it was typed.
func checkFixed(was, is agent.Group, member string) error {
	switch {
	case is.Directory != was.Directory:
		return agent.Problems{{Field: "directory", Code: "field_group_directory"}}
	case member != was.Member.Name && member != was.Member.ID && member != was.Member.DN:
		return agent.Problems{{Field: "directory_group", Code: "field_group_directory"}}
	}
	return nil
}

func jsonOfGroup(g agent.Group, kinds map[string]agent.DirectoryKind) map[string]any {
	member := g.Member.Name
	out := groupFields(&g, &member)
	out["id"] = idText(g.ID)
	out["domain_type"], out["domain_name"], out["ldap_guid"] = agent.LocalDirectory, nil, nil
	if !g.Local() {
		out["domain_type"], out["domain_name"], out["ldap_guid"] = domainType(kinds, g.Directory), g.Directory, g.Member.ID
	}
	return out
}

// decodeGroup applies a body to a group. It ignores the fields that only answers have. member is the directory's group as text.
func decodeGroup(g *agent.Group, member *string, body map[string]json.RawMessage) error {
	for _, name := range []string{"id", "domain_type", "domain_name", "ldap_guid"} {
		delete(body, name)
	}
	return decodeFields(groupFields(g, member), body, nullableGroupFields...)
}

var nullableGroupFields = slices.Concat([]string{"parent_id", "directory", "directory_group", "remote_access"}, nullableRights)

// groupFields maps the names in REST to a group. Decoding into a field changes it. member is the directory's group as text.
func groupFields(g *agent.Group, member *string) map[string]any {
	fields := map[string]any{
		"name":            (*cleanField)(&g.Name),
		"parent_id":       (*parentField)(&g.Parent),
		"position":        &g.Position,
		"comment":         (*cleanField)(&g.Comment),
		"admin":           &g.Admin,
		"directory":       &nullField{&g.Directory, agent.LocalDirectory},
		"directory_group": &nullField{member, ""},
		"remote_access":   &g.Rights.RemoteAccess,
	}
	maps.Copy(fields, rightsFields(&g.Rights))
	return fields
}

// cleanField is a text without surrounding space and invisible characters.
type cleanField string

func (f *cleanField) UnmarshalJSON(b []byte) error {
	var text string
	err := json.Unmarshal(b, &text)
	*f = cleanField(agent.Clean(text, len(text)))
	return err
}

// nullField is a text that is null for one value.
type nullField struct {
	text *string
	null string
}

func (f *nullField) MarshalJSON() ([]byte, error) {
	if *f.text == f.null {
		return []byte("null"), nil
	}
	return json.Marshal(*f.text)
}

func (f *nullField) UnmarshalJSON(b []byte) error {
	var text *string
	err := json.Unmarshal(b, &text)
	*f.text = f.null
	if text != nil {
		*f.text = *text
	}
	return err
}
