"""What Kubernetes, KubeRay and the Milvus operator take, as JSON schemas that know every field.

Written by hand after the Go types that their own schemas are generated from: Kubernetes' core/v1
and networking/v1, ray-operator/apis/ray/v1 of KubeRay, apis/milvus.io/v1beta1 of the Milvus
operator. Of parts that our manifests do not use, names of fields alone; an unknown name is an error
everywhere.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

ANY: Schema = {}
TEXT: Schema = {"type": "string", "minLength": 1}
FLAG: Schema = {"type": "boolean"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
COUNT: Schema = {"type": "integer", "minimum": 1}
PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65_535}
NAME: Schema = {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63}
TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
QUANTITY: Schema = {"type": "string", "pattern": r"^\d+(\.\d+)?(m|[kMGTP]i?)?$"}
IMAGE: Schema = {"type": "string", "pattern": r"^[\w.\-/:]+:[\w.\-]*\d[\w.\-]*$"}
"""With a tag that has a number in it: pinned."""


def fields(known: dict[str, Schema], others: str = "", required: tuple[str, ...] = ()) -> Schema:
    """Return the schema of an object with these fields, and others that are but names."""
    return {
        "type": "object",
        "properties": {**dict.fromkeys(others.split(), ANY), **known},
        "required": list(required),
        "additionalProperties": False,
    }


def many(of: Schema, least: int = 0) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": of, "minItems": least}


RESOURCES = fields(
    {
        "requests": {"type": "object", "additionalProperties": QUANTITY},
        "limits": {"type": "object", "additionalProperties": QUANTITY},
    },
    "claims",
    ("requests", "limits"),
)
ENV = many(
    fields(
        {
            "name": {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_]*$"},
            "value": {"type": "string"},
            "valueFrom": fields(
                {"secretKeyRef": fields({"name": NAME, "key": TEXT}, "optional", ("name", "key"))},
                "fieldRef resourceFieldRef configMapKeyRef",
            ),
        },
        required=("name",),
    )
)
_HANDLER = {
    "httpGet": fields(
        {"path": {"type": "string", "pattern": "^/"}, "port": PORT},
        "scheme host httpHeaders",
        ("port",),
    ),
    "exec": fields({"command": many(TEXT, 1)}, required=("command",)),
}
PROBE: Schema = {
    **fields(
        {
            **_HANDLER,
            "periodSeconds": COUNT,
            "timeoutSeconds": COUNT,
            "failureThreshold": COUNT,
            "initialDelaySeconds": WHOLE,
        },
        "tcpSocket grpc successThreshold terminationGracePeriodSeconds",
    ),
    "oneOf": [{"required": [name]} for name in _HANDLER],
}
CAPABILITIES = fields({"drop": many(TEXT), "add": many(TEXT)})
SECCOMP = fields(
    {"type": {"enum": ["RuntimeDefault", "Localhost", "Unconfined"]}, "localhostProfile": TEXT},
    required=("type",),
)
SECURITY = fields(
    {
        "allowPrivilegeEscalation": FLAG,
        "readOnlyRootFilesystem": FLAG,
        "runAsNonRoot": FLAG,
        "runAsUser": WHOLE,
        "runAsGroup": WHOLE,
        "capabilities": CAPABILITIES,
        "seccompProfile": SECCOMP,
    },
    "privileged procMount seLinuxOptions windowsOptions appArmorProfile",
)
MOUNTS = many(
    fields(
        {"name": NAME, "mountPath": {"type": "string", "pattern": "^/"}, "readOnly": FLAG},
        "subPath subPathExpr mountPropagation recursiveReadOnly",
        ("name", "mountPath"),
    )
)
_ITEMS = many(fields({"key": TEXT, "path": TEXT}, "mode", ("key", "path")))
VOLUMES = many(
    fields(
        {
            "name": NAME,
            "emptyDir": fields({"medium": {"enum": ["", "Memory"]}, "sizeLimit": QUANTITY}),
            "secret": fields({"secretName": NAME, "items": _ITEMS}, "defaultMode optional"),
            "configMap": fields({"name": NAME, "items": _ITEMS}, "defaultMode optional"),
        },
        "persistentVolumeClaim hostPath projected csi ephemeral nfs downwardAPI",
        ("name",),
    )
)
CONTAINER = fields(
    {
        "name": NAME,
        "image": IMAGE,
        "imagePullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
        "command": many(TEXT),
        "args": many(TEXT),
        "env": ENV,
        "ports": many(
            fields({"containerPort": PORT, "name": NAME}, "protocol hostPort", ("containerPort",))
        ),
        "resources": RESOURCES,
        "securityContext": SECURITY,
        "startupProbe": PROBE,
        "livenessProbe": PROBE,
        "readinessProbe": PROBE,
        "volumeMounts": MOUNTS,
    },
    "envFrom lifecycle resizePolicy restartPolicy stdin stdinOnce terminationMessagePath "
    "terminationMessagePolicy tty volumeDevices workingDir",
    ("name", "image", "resources", "securityContext", "livenessProbe", "readinessProbe"),
)
TOLERATIONS = many(
    fields(
        {
            "key": TEXT,
            "operator": {"enum": ["Exists", "Equal"]},
            "value": TEXT,
            "effect": {"enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
        },
        "tolerationSeconds",
    )
)
SPREAD = many(
    fields(
        {
            "maxSkew": COUNT,
            "topologyKey": TEXT,
            "whenUnsatisfiable": {"enum": ["DoNotSchedule", "ScheduleAnyway"]},
            "labelSelector": fields({"matchLabels": TEXTS}, "matchExpressions"),
        },
        "minDomains matchLabelKeys nodeAffinityPolicy nodeTaintsPolicy",
        ("maxSkew", "topologyKey", "whenUnsatisfiable"),
    )
)
POD = fields(
    {
        "automountServiceAccountToken": FLAG,
        "containers": many(CONTAINER, 1),
        "nodeSelector": TEXTS,
        "securityContext": fields(
            {
                "runAsNonRoot": FLAG,
                "runAsUser": WHOLE,
                "runAsGroup": WHOLE,
                "fsGroup": WHOLE,
                "seccompProfile": SECCOMP,
            },
            "fsGroupChangePolicy supplementalGroups supplementalGroupsPolicy sysctls "
            "seLinuxOptions seLinuxChangePolicy windowsOptions appArmorProfile",
        ),
        "terminationGracePeriodSeconds": WHOLE,
        "tolerations": TOLERATIONS,
        "topologySpreadConstraints": SPREAD,
        "volumes": VOLUMES,
    },
    "activeDeadlineSeconds affinity dnsConfig dnsPolicy enableServiceLinks ephemeralContainers "
    "hostAliases hostIPC hostNetwork hostPID hostUsers hostname imagePullSecrets initContainers "
    "nodeName os overhead preemptionPolicy priority priorityClassName readinessGates "
    "resourceClaims resources restartPolicy runtimeClassName schedulerName schedulingGates "
    "serviceAccount serviceAccountName setHostnameAsFQDN shareProcessNamespace subdomain",
    ("containers", "securityContext"),
)
META = fields(
    {"name": NAME, "namespace": NAME, "labels": TEXTS, "annotations": TEXTS},
    "generateName finalizers ownerReferences",
)
TEMPLATE = fields({"metadata": META, "spec": POD}, required=("spec",))


def resource(api: str, kind: str, **parts: Schema) -> Schema:
    """Return the schema of a whole manifest."""
    return fields(
        {"apiVersion": {"const": api}, "kind": {"const": kind}, "metadata": META, **parts},
        required=("apiVersion", "kind", "metadata", *parts),
    )


_PEER = fields(
    {
        "podSelector": fields({"matchLabels": TEXTS}, "matchExpressions"),
        "namespaceSelector": fields({"matchLabels": TEXTS}, "matchExpressions"),
    },
    "ipBlock",
)
CONFIG_MAP = resource("v1", "ConfigMap", data=TEXTS)
NETWORK_POLICY = resource(
    "networking.k8s.io/v1",
    "NetworkPolicy",
    spec=fields(
        {
            "podSelector": fields({"matchLabels": TEXTS}, "matchExpressions"),
            "policyTypes": many({"enum": ["Ingress", "Egress"]}, 1),
            "ingress": many(fields({"from": many(_PEER, 1)}, "ports")),
        },
        "egress",
        ("podSelector", "policyTypes"),
    ),
)

_GROUP = {"rayStartParams": TEXTS, "template": TEMPLATE}
RAY_JOB = resource(
    "ray.io/v1",
    "RayJob",
    spec=fields(
        {
            "entrypoint": TEXT,
            "submissionMode": {"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode"]},
            "backoffLimit": WHOLE,
            "shutdownAfterJobFinishes": FLAG,
            "ttlSecondsAfterFinished": WHOLE,
            "activeDeadlineSeconds": COUNT,
            "rayClusterSpec": fields(
                {
                    "rayVersion": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
                    "headGroupSpec": fields(
                        {**_GROUP, "serviceType": {"enum": ["ClusterIP", "NodePort"]}},
                        "headService enableIngress resources labels",
                        ("rayStartParams", "template"),
                    ),
                    "workerGroupSpecs": many(
                        fields(
                            {
                                **_GROUP,
                                "groupName": NAME,
                                "replicas": WHOLE,
                                "minReplicas": WHOLE,
                                "maxReplicas": WHOLE,
                            },
                            "numOfHosts scaleStrategy suspend idleTimeoutSeconds resources labels",
                            ("groupName", "rayStartParams", "template"),
                        ),
                        1,
                    ),
                },
                "enableInTreeAutoscaling autoscalerOptions headServiceAnnotations suspend "
                "gcsFaultToleranceOptions managedBy authOptions upgradeStrategy",
                ("headGroupSpec", "rayVersion"),
            ),
        },
        "submitterPodTemplate metadata clusterSelector submitterConfig managedBy deletionStrategy "
        "runtimeEnvYAML jobId entrypointResources entrypointNumCpus entrypointNumGpus suspend",
        ("entrypoint", "rayClusterSpec"),
    ),
)

_COMPONENT = {
    "image": IMAGE,
    "env": ENV,
    "resources": RESOURCES,
    "volumes": VOLUMES,
    "volumeMounts": MOUNTS,
    "tolerations": TOLERATIONS,
    "nodeSelector": TEXTS,
    "topologySpreadConstraints": SPREAD,
    "securityContext": SECURITY,
    "probes": fields({"startupProbe": PROBE, "livenessProbe": PROBE, "readinessProbe": PROBE}),
}
_COMPONENT_OTHERS = (
    "paused podLabels podAnnotations version commands runWithSubProcess imagePullPolicy "
    "imagePullSecrets schedulerName affinity serviceAccountName priorityClassName hostNetwork "
    "dnsPolicy"
)
_PODS = fields(
    {**_COMPONENT, "replicas": {"type": "integer", "minimum": -1}},
    f"{_COMPONENT_OTHERS} hpa sidecars initContainers",
    ("replicas", "resources"),
)
_PROXY = fields(
    {**_PODS["properties"], "serviceType": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]}},
    "serviceLabels serviceAnnotations serviceRestfulPort ingress loadBalancerClass",
    ("replicas", "resources"),
)
_IN_CLUSTER = fields(
    {
        "values": {"type": "object"},
        "deletionPolicy": {"enum": ["Delete", "Retain"]},
        "pvcDeletion": FLAG,
    },
    "chartVersion",
)
MILVUS = resource(
    "milvus.io/v1beta1",
    "Milvus",
    spec=fields(
        {
            "mode": {"enum": ["cluster", "standalone"]},
            "components": fields(
                {
                    **_COMPONENT,
                    "imageUpdateMode": {
                        "enum": ["rollingUpgrade", "rollingDowngrade", "all", "force"]
                    },
                    "runAsNonRoot": FLAG,
                    "proxy": _PROXY,
                    **dict.fromkeys(("mixCoord", "queryNode", "dataNode", "streamingNode"), _PODS),
                },
                f"{_COMPONENT_OTHERS} targetPortType enableRollingUpdate disableMetric "
                "metricInterval metricLabels toolImage dummyImage updateToolImage "
                "updateConfigMapOnly rollingMode enableManualMode activeConfigMap streamingMode "
                "rootCoord indexCoord dataCoord queryCoord indexNode standalone cdc",
                ("image",),
            ),
            "config": {"type": "object"},
            "dependencies": fields(
                {
                    "msgStreamType": {
                        "enum": ["woodpecker", "pulsar", "kafka", "rocksmq", "natsmq", "custom"]
                    },
                    "etcd": fields({"inCluster": _IN_CLUSTER}, "endpoints external"),
                    "storage": fields(
                        {
                            "external": FLAG,
                            "type": {"enum": ["MinIO", "S3", "Azure"]},
                            "endpoint": TEXT,
                            "secretRef": NAME,
                            "inCluster": _IN_CLUSTER,
                        }
                    ),
                },
                "pulsar kafka rocksmq natsmq woodpecker customMsgStream tei",
            ),
        },
        "hookConfig",
        ("mode", "components", "config", "dependencies"),
    ),
)
