package installer

import (
	"regexp"
	"strconv"
	"strings"
)

var conditionColumns = []string{"InstallExecuteSequence", "InstallUISequence", "AdminExecuteSequence", "AdminUISequence",
	"AdvtExecuteSequence", "Component", "ControlCondition", "ControlEvent", "LaunchCondition"}

// checkConditions reports conditions that Windows Installer cannot read.
func (v *validation) checkConditions() {
	for _, table := range conditionColumns {
		for r := range v.records(table) {
			if err := checkCondition(r.text("Condition")); err != nil {
				v.fault("%s: the condition %q %w", r, r.text("Condition"), err)
			}
		}
	}
}

var versionForm = regexp.MustCompile(`^(\d{1,3})\.(\d{1,3})\.(\d{1,5})$`)

// checkUpgrade reports a version that Windows cannot compare, and a product that does not find its own other versions.
func (v *validation) checkUpgrade() {
	parts := versionForm.FindStringSubmatch(v.property("ProductVersion"))
	fits := parts != nil
	for i, most := range []int{255, 255, 65535} {
		if fits {
			n, _ := strconv.Atoi(parts[i+1])
			fits = n <= most
		}
	}
	if !fits {
		v.fault("Property ProductVersion is %q, want 255.255.65535 at most", v.property("ProductVersion"))
	}
	upgrade := v.property("UpgradeCode")
	if upgrade == v.property("ProductCode") {
		v.fault("Property UpgradeCode is the ProductCode")
	}
	const onlyDetect = 2
	removes := false
	for r := range v.records("Upgrade") {
		if r.text("UpgradeCode") != upgrade {
			v.fault("%s: the UpgradeCode is not the property's", r)
		}
		removes = removes || r.number("Attributes")&onlyDetect == 0
	}
	if !removes {
		v.fault("table Upgrade has no row by which an earlier version is removed")
	}
	if v.property("ALLUSERS") != "1" {
		v.fault("Property ALLUSERS is %q, want 1", v.property("ALLUSERS"))
	}
}

// checkComponents reports components that are never installed, or whose key path is another component's.
func (v *validation) checkComponents() {
	installed := map[string]bool{}
	for r := range v.records("FeatureComponents") {
		installed[r.text("Component_")] = true
	}
	for r := range v.records("Feature") {
		if r.number("Level") < 1 {
			v.fault("%s: a feature of level %d is not installed", r, r.number("Level"))
		}
	}
	owner := map[string]string{} // of files and registry values
	for _, table := range []string{"File", "Registry"} {
		for r := range v.records(table) {
			owner[r.text(table)] = r.text("Component_")
		}
	}
	program := map[string]bool{} // components whose key path is an executable file
	for r := range v.records("Component") {
		component, key := r.text("Component"), r.text("KeyPath")
		if !installed[component] {
			v.fault("%s: in no feature", r)
		}
		if key != "" && owner[key] != component {
			v.fault("%s: the key path %s belongs to %q", r, key, owner[key])
		}
		program[component] = strings.HasSuffix(strings.ToLower(key), ".exe")
	}
	for r := range v.records("ServiceInstall") {
		if !program[r.text("Component_")] {
			v.fault("%s: the key path of its component is no program", r)
		}
	}
	for r := range v.records("File") {
		const notCompressed = 0x2000
		if r.number("Attributes")&notCompressed != 0 {
			v.fault("%s: not in the cabinet", r)
		}
	}
}

// checkFolders reports directories that are not below one root.
func (v *validation) checkFolders() {
	parents := map[string]string{}
	for r := range v.records("Directory") {
		parents[r.text("Directory")] = r.text("Directory_Parent")
	}
	if _, ok := parents["TARGETDIR"]; !ok {
		v.fault("table Directory lacks TARGETDIR")
	}
	for _, name := range sortedKeys(parents) {
		at := name
		for range len(parents) {
			if parents[at] == "" || parents[at] == at {
				break
			}
			at = parents[at]
		}
		if at != "TARGETDIR" {
			v.fault("Directory %s: not below TARGETDIR", name)
		}
	}
}

// checkGeometry reports controls that are not within their dialog.
func (v *validation) checkGeometry() {
	type size struct{ width, height int }
	sizes := map[string]size{}
	for r := range v.records("Dialog") {
		s := size{r.number("Width"), r.number("Height")}
		if s.width < 1 || s.width > 1000 || s.height < 1 || s.height > 1000 {
			v.fault("%s: %d by %d units", r, s.width, s.height)
		}
		sizes[r.text("Dialog")] = s
	}
	for r := range v.records("Control") {
		s, isLine := sizes[r.text("Dialog_")], r.text("Type") == "Line"
		x, y, width, height := r.number("X"), r.number("Y"), r.number("Width"), r.number("Height")
		if x < 0 || y < 0 || width < 1 || height < 1 && !isLine || x+width > s.width || y+height > s.height {
			v.fault("%s: %d,%d and %d by %d units are not within the dialog", r, x, y, width, height)
		}
	}
}
