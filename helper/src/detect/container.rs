//! What comes from containers and virtual machines of this machine, by the bridge that they speak through.

/// How the bridges begin that programs make for containers and virtual machines: Docker, Podman, Kubernetes, LXD, LXC, Incus,
/// libvirt, `VMware`, `VirtualBox`, Waydroid. A pair of interfaces alone (veth) says too little: labs and tunnels are made of such.
const BRIDGES: [&str; 11] = [
    "docker", "br-", "podman", "cni", "lxdbr", "lxcbr", "incusbr", "virbr", "vmnet", "vboxnet",
    "waydroid",
];

/// Is this the bridge of containers or virtual machines?
pub(crate) fn is_container_bridge(interface: &str) -> bool {
    let first = interface.as_bytes().first();
    BRIDGES
        .iter()
        .any(|begin| begin.as_bytes().first() == first && interface.starts_with(begin))
}
