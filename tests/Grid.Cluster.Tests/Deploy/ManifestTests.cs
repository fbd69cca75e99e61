using System.Text.Json.Nodes;
using Grid.Cluster.Tests.Server;
using Grid.Server;
using Grid.Server.Configuration;
using k8s;
using k8s.Models;
using Xunit;

namespace Grid.Cluster.Tests.Deploy;

/// <summary>What the manifests say, held against each other and against the binary.</summary>
public sealed class ManifestTests
{
    /// <summary>Everything that can be built: every overlay, and the components on the larger one.</summary>
    public static TheoryData<string, string> Builds =>
        [.. Overlays.Select(overlay => (overlay, "")), ("base", ""), ("overlays/production", "autoscaling,pod-monitor")];

    private static IEnumerable<string> Overlays => Directory.GetDirectories(Path.Combine(Kustomized.Folder, "overlays")).Select(folder => $"overlays/{Path.GetFileName(folder)}").Order(StringComparer.Ordinal);

    [Theory]
    [MemberData(nameof(Builds))]
    public async Task Everything_builds_without_a_warning_and_loads_strictly(string folder, string components)
    {
        Kustomized built = await BuildAsync(folder, components);
        Assert.Contains(built.Objects, one => one is V1StatefulSet);
        Assert.All(Directory.GetDirectories(Path.Combine(Kustomized.Folder, "components")), component => Assert.Contains(Path.GetFileName(component), "autoscaling,pod-monitor"));
    }

    [Fact]
    public void A_field_that_Kubernetes_does_not_know_is_refused() =>
        Assert.ThrowsAny<Exception>(() => KubernetesYaml.LoadAllFromString("apiVersion: v1\nkind: Service\nmetadata:\n  name: x\nspec:\n  selectors:\n    a: b\n", strict: true));

    [Theory]
    [MemberData(nameof(Builds))]
    public async Task Selectors_and_ports_meet_the_pods(string folder, string components)
    {
        Kustomized built = await BuildAsync(folder, components);
        IDictionary<string, string> labels = built.Pod.Metadata.Labels;
        AssertSelects(built.Silos.Spec.Selector, labels);
        AssertSelects(Assert.Single(built.All<V1PodDisruptionBudget>()).Spec.Selector, labels);
        Assert.All(built.Pod.Spec.TopologySpreadConstraints, spread => AssertSelects(spread.LabelSelector, labels));
        Assert.All(built.All<PodMonitor>(), monitor => AssertSelects(monitor.Spec!.Selector!, labels));

        V1NetworkPolicy policy = built.All<V1NetworkPolicy>().Single(policy => policy.Metadata.Name == "grid");
        AssertSelects(policy.Spec.PodSelector, labels);
        string[] names = [.. built.Container.Ports.Select(port => port.Name)];
        Assert.All(policy.Spec.Ingress.SelectMany(rule => rule.Ports), port => Assert.Contains(port.Port.Value, names));
        Assert.Contains(policy.Spec.Egress.SelectMany(rule => rule.Ports), port => port.Port.Value == built.Number("Silo", "SiloPort").ToString());

        foreach (V1Service service in built.All<V1Service>().Where(service => service.Metadata.Name.StartsWith("grid", StringComparison.Ordinal) && service.Spec.Selector["app.kubernetes.io/name"] == "grid"))
        {
            Assert.Equal(labels.Where(label => service.Spec.Selector.ContainsKey(label.Key)), service.Spec.Selector.OrderBy(label => labels.Keys.ToList().IndexOf(label.Key)));
            Assert.All(service.Spec.Ports, port => Assert.Equal(built.Container.Ports.Single(one => one.Name == port.TargetPort.Value).ContainerPort, port.Port));
        }

        V1Service headless = built.All<V1Service>().Single(service => service.Metadata.Name == built.Silos.Spec.ServiceName);
        Assert.True(headless.Spec.PublishNotReadyAddresses);

        // Gateways do not answer behind another address than their own.
        Assert.All(built.All<V1Service>().Where(service => service.Spec.Ports.Any(port => port.TargetPort.Value == "gateway")), service => Assert.Equal("None", service.Spec.ClusterIP));
    }

    [Theory]
    [MemberData(nameof(Builds))]
    public async Task Ports_of_the_pods_are_those_of_the_configuration(string folder, string components)
    {
        Kustomized built = await BuildAsync(folder, components);
        Dictionary<string, int> ports = built.Container.Ports.ToDictionary(port => port.Name, port => port.ContainerPort);
        Assert.Equal(built.Number("Silo", "SiloPort"), ports["silo"]);
        Assert.Equal(built.Number("Silo", "GatewayPort"), ports["gateway"]);
        Assert.Equal(built.Number("Silo", "HttpPort"), ports["http"]);
        Assert.All(Probes(built), probe => Assert.Equal("http", probe.HttpGet.Port.Value));
        Assert.Equal(ports["http"].ToString(), built.Pod.Metadata.Annotations["prometheus.io/port"]);
        Assert.All(built.All<PodMonitor>().SelectMany(monitor => monitor.Spec!.PodMetricsEndpoints!), endpoint => Assert.Equal(("http", built.Pod.Metadata.Annotations["prometheus.io/path"]), (endpoint.Port, endpoint.Path)));
    }

    [Theory]
    [MemberData(nameof(Builds))]
    public async Task The_grace_period_is_longer_than_hook_drain_and_stop(string folder, string components)
    {
        Kustomized built = await BuildAsync(folder, components);
        Assert.Null(built.Container.Lifecycle.PreStop.Exec);
        Assert.True(built.PreStopSeconds > 0);
        Assert.Equal(built.GraceSeconds - built.PreStopSeconds, built.Number("Silo", "StopGraceSeconds"));
        Assert.InRange((built.Number("Grid", "DrainMs") / 1000.0) + ServerSettings.TimeAfterDrain.TotalSeconds, 1, built.Number("Silo", "StopGraceSeconds"));
    }

    [Theory]
    [MemberData(nameof(Builds))]
    public async Task Every_key_of_file_and_environment_is_known(string folder, string components)
    {
        Kustomized built = await BuildAsync(folder, components);
        JsonObject file = JsonNode.Parse(built.SiloJson, documentOptions: new() { CommentHandling = System.Text.Json.JsonCommentHandling.Skip })!.AsObject();
        Assert.Empty(ConfigurationPagesTests.SchemaFaults(file));
        string[] keys = [.. built.Container.Env.Select(variable => variable.Name).Where(name => name.StartsWith(ServerConfiguration.EnvironmentPrefix, StringComparison.Ordinal))];
        Assert.Contains("GRID__Silo__Address", keys);
        Assert.All(keys, key => Assert.NotNull(SettingsCatalog.Find(key[ServerConfiguration.EnvironmentPrefix.Length..].Replace("__", ":", StringComparison.Ordinal))));
        Assert.Empty(GridCommand.Create().Parse([.. built.Container.Args]).Errors);
    }

    [Theory]
    [MemberData(nameof(Builds))]
    public async Task Copies_fit_the_silos_and_one_of_them_may_be_away(string folder, string components)
    {
        Kustomized built = await BuildAsync(folder, components);
        int silos = built.Silos.Spec.Replicas ?? Assert.Single(built.All<V2HorizontalPodAutoscaler>()).Spec.MinReplicas!.Value;
        int replicas = built.Number("Grid", "Replicas");
        Assert.InRange(replicas + 1, 2, silos);
        Assert.InRange(built.Number("Grid", "BootstrapSilos"), replicas + 1, silos);
        Assert.InRange(built.Number("Grid", "MinInSync"), 0, Math.Max(0, silos - 2));
        Assert.Equal(1, Assert.Single(built.All<V1PodDisruptionBudget>()).Spec.MaxUnavailable.Value is var most ? int.Parse(most) : 0);
        Assert.Equal("Parallel", built.Silos.Spec.PodManagementPolicy);
        Assert.Equal("RollingUpdate", built.Silos.Spec.UpdateStrategy.Type);
        Assert.Null(built.Silos.Spec.UpdateStrategy.RollingUpdate?.MaxUnavailable);
        IDictionary<string, ResourceQuantity> limits = built.Container.Resources.Limits;
        Assert.Equal(built.Container.Resources.Requests["memory"], limits["memory"]);
        Assert.DoesNotContain("cpu", limits);
    }

    [Fact]
    public async Task Production_survives_a_zone_and_refuses_what_one_silo_alone_would_have()
    {
        Kustomized built = await BuildAsync("overlays/production", "");
        V1TopologySpreadConstraint zones = built.Pod.Spec.TopologySpreadConstraints.Single(spread => spread.TopologyKey == "topology.kubernetes.io/zone");
        Assert.Equal("DoNotSchedule", zones.WhenUnsatisfiable);
        Assert.Equal(built.Number("Grid", "Replicas") + 1, zones.MinDomains);
        Assert.True(built.Silos.Spec.Replicas >= 2 * zones.MinDomains);
        Assert.True(built.Number("Grid", "MinInSync") >= 1);
        Assert.Equal("metadata.labels['topology.kubernetes.io/zone']", built.Container.Env.Single(variable => variable.Name == "GRID__Silo__Zone").ValueFrom.FieldRef.FieldPath);
        Assert.NotEqual("Development", built.Setting("Clustering", "Provider")!.GetValue<string>());
        Assert.Empty(built.All<V1Secret>());
    }

    [Fact]
    public async Task The_autoscaler_takes_one_silo_away_at_a_time_and_leaves_enough()
    {
        Kustomized built = await BuildAsync("overlays/production", "autoscaling");
        V2HorizontalPodAutoscaler scaler = Assert.Single(built.All<V2HorizontalPodAutoscaler>());
        Assert.Null(built.Silos.Spec.Replicas);
        Assert.Equal(("StatefulSet", built.Silos.Metadata.Name), (scaler.Spec.ScaleTargetRef.Kind, scaler.Spec.ScaleTargetRef.Name));
        V2HPAScalingPolicy down = Assert.Single(scaler.Spec.Behavior.ScaleDown.Policies);
        Assert.Equal(("Pods", 1), (down.Type, down.Value));
        Assert.True(down.PeriodSeconds > built.GraceSeconds);
        Assert.True(scaler.Spec.MinReplicas > built.Number("Grid", "Replicas") + 1);
    }

    [Theory]
    [MemberData(nameof(Builds))]
    public async Task No_pod_has_more_rights_than_it_needs(string folder, string components)
    {
        Kustomized built = await BuildAsync(folder, components);
        Assert.False(Assert.Single(built.All<V1ServiceAccount>()).AutomountServiceAccountToken);
        foreach (V1PodSpec pod in built.All<V1StatefulSet>().Select(set => set.Spec.Template.Spec))
        {
            Assert.False(pod.AutomountServiceAccountToken);
            Assert.True(pod.SecurityContext.RunAsNonRoot);
            Assert.True(pod.SecurityContext.RunAsUser > 0);
            Assert.Equal("RuntimeDefault", pod.SecurityContext.SeccompProfile.Type);
            Assert.All(pod.Containers, container =>
            {
                Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
                Assert.False(container.SecurityContext.AllowPrivilegeEscalation);
                Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
            });
        }

        Assert.Equal(DockerfileTests.User, built.Pod.Spec.SecurityContext.RunAsUser);
        Assert.Null(built.Container.Command);
        Assert.Equal(DockerfileTests.ExposedPorts, built.Container.Ports.Select(port => port.ContainerPort));
    }

    [Theory]
    [MemberData(nameof(Builds))]
    public async Task What_a_pod_refers_to_is_there(string folder, string components)
    {
        Kustomized built = await BuildAsync(folder, components);
        Assert.Contains(built.All<V1ServiceAccount>(), account => account.Metadata.Name == built.Pod.Spec.ServiceAccountName);
        string[] maps = [.. built.Pod.Spec.Volumes.Where(volume => volume.ConfigMap is not null).Select(volume => volume.ConfigMap.Name)];
        Assert.All(maps, map => Assert.Contains(built.All<V1ConfigMap>(), one => one.Metadata.Name == map));
        Assert.All(built.Container.VolumeMounts, mount => Assert.Contains(built.Pod.Spec.Volumes, volume => volume.Name == mount.Name));
        Assert.All(built.Container.VolumeMounts, mount => Assert.Null(mount.SubPath));
        string[] secrets = [.. built.Container.Env.Where(variable => variable.ValueFrom?.SecretKeyRef is { Optional: not true }).Select(variable => variable.ValueFrom.SecretKeyRef.Name)];
        if (built.All<V1Secret>().Any())
            Assert.All(secrets, secret => Assert.Contains(built.All<V1Secret>(), one => one.Metadata.Name == secret));
        else
            Assert.Equal(["grid-store"], secrets);
        if (folder != "base" && components.Length == 0)
        {
            string name = Assert.Single(built.All<V1Namespace>()).Metadata.Name;
            Assert.All(built.Objects.OfType<IKubernetesObject<V1ObjectMeta>>().Where(one => one is not V1Namespace), one => Assert.Equal(name, one.Metadata.NamespaceProperty));
        }
    }

    private static Task<Kustomized> BuildAsync(string folder, string components) => Kustomized.BuildAsync(folder, components.Split(',', StringSplitOptions.RemoveEmptyEntries));

    private static V1Probe[] Probes(Kustomized built) => [built.Container.StartupProbe, built.Container.ReadinessProbe, built.Container.LivenessProbe];

    private static void AssertSelects(V1LabelSelector selector, IDictionary<string, string> labels)
    {
        Assert.NotEmpty(selector.MatchLabels);
        Assert.All(selector.MatchLabels, label => Assert.Equal(label.Value, labels[label.Key]));
    }
}
