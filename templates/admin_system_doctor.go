package templates

import "ideco-agent/agent"

// SystemDoctor is the tab Проверка. A POST runs the checks.
const SystemDoctor SystemTab = "/admin/system/doctor"

// BundlePath downloads the file for support.
const BundlePath = string(SystemDoctor) + "/bundle"

// AdminSystemDoctorData fills [AdminSystemDoctor].
type AdminSystemDoctorData struct {
	Report agent.CheckReport // At is zero before the first run
}

// groups returns the groups with results, those with the worst first. Groups alike keep their order.
func (d AdminSystemDoctorData) groups() (list []agent.CheckGroup) {
	for _, state := range []agent.StepState{agent.StepFailed, agent.StepWarning, agent.StepSkipped, agent.StepOK} {
		for _, g := range agent.CheckGroups {
			if len(d.Report.Of(g)) > 0 && d.Report.Worst(g) == state {
				list = append(list, g)
			}
		}
	}
	return list
}

// worst is the worst state of all groups.
func (d AdminSystemDoctorData) worst() agent.StepState {
	groups := d.groups()
	if len(groups) == 0 {
		return agent.StepOK
	}
	return d.Report.Worst(groups[0])
}
