{{/* `tenure setup credentials`, as a hook and on a schedule. */}}

{{/* Its pod: (list root "service account"). */}}
{{- define "tenure.credentialsPod" -}}
{{- $root := index . 0 -}}
{{- $args := list "setup" "credentials" "--kubernetes" "--prefix" (include "tenure.secretPrefix" $root) -}}
{{- $args = concat $args (list "--namespace" $root.Release.Namespace "--hours" ($root.Values.secrets.hours | int | toString)) -}}
{{- range include "tenure.serverNames" $root | fromJsonArray }}{{ $args = concat $args (list "--server-name" .) }}{{ end -}}
{{- range $root.Values.secrets.sources }}{{ $args = concat $args (list "--source" .) }}{{ end -}}
{{- $volumes := list (include "tenure.tokenVolume" $root) -}}
{{- $mounts := dict "api" "/var/run/secrets/kubernetes.io/serviceaccount" -}}
{{- $image := include "tenure.image" (list $root "tenure" $root.Values.jobs.image) -}}
{{- include "tenure.jobPod" (dict "root" $root "component" "credentials" "name" "credentials" "image" $image "args" $args
      "volumes" $volumes "mounts" $mounts "serviceAccount" (index . 1)) -}}
{{- end }}

{{/* A token for the API server that is good for minutes, in place of the one that every pod would get. */}}
{{- define "tenure.tokenVolume" -}}
- name: api
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 600
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                fieldPath: metadata.namespace
{{- end }}

{{/* ServiceAccount, Role and RoleBinding: (list root "name" annotations). */}}
{{- define "tenure.credentialsAccount" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $annotations := index . 2 -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name | quote }}
  namespace: {{ $root.Release.Namespace | quote }}
  labels:
    {{- include "tenure.labels" (list $root "credentials") | nindent 4 }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name | quote }}
  namespace: {{ $root.Release.Namespace | quote }}
  labels:
    {{- include "tenure.labels" (list $root "credentials") | nindent 4 }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
rules:
  # The program writes by server-side apply, whose address names the Secret, so that create can be narrowed to names as well;
  # a create by POST could not, because the authorizer is not told the name then.
  - apiGroups: [""]
    resources: ["secrets"]
    resourceNames:
      {{- range include "tenure.secretFolders" $root | fromJsonArray }}
      - {{ include "tenure.secret" (list $root .) | quote }}
      {{- end }}
    verbs: ["get", "create", "patch"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name | quote }}
  namespace: {{ $root.Release.Namespace | quote }}
  labels:
    {{- include "tenure.labels" (list $root "credentials") | nindent 4 }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name | quote }}
subjects:
  - kind: ServiceAccount
    name: {{ $name | quote }}
    namespace: {{ $root.Release.Namespace | quote }}
{{- end }}
