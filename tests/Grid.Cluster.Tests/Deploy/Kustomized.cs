using System.Text;
using System.Text.Json.Nodes;
using Grid.Cluster.Tests.Server;
using k8s;
using k8s.Models;
using Xunit;

namespace Grid.Cluster.Tests.Deploy;

/// <summary>What <c>kubectl kustomize</c> makes of a folder, read strictly: a field that Kubernetes does not know is refused.</summary>
internal sealed class Kustomized
{
    private static readonly Dictionary<string, Type> Foreign = new() { ["monitoring.coreos.com/v1/PodMonitor"] = typeof(PodMonitor) };
    private static readonly TimeSpan BuildTime = TimeSpan.FromMinutes(1);

    private Kustomized(IReadOnlyList<object> objects) => Objects = objects;

    public IReadOnlyList<object> Objects { get; }

    public V1StatefulSet Silos => All<V1StatefulSet>().Single(set => set.Metadata.Name == "grid");

    public V1PodTemplateSpec Pod => Silos.Spec.Template;

    public V1Container Container => Assert.Single(Pod.Spec.Containers);

    public string SiloJson => All<V1ConfigMap>().Single(map => map.Metadata.Name == "grid-silo").Data["silo.json"];

    public int PreStopSeconds => (int)(Container.Lifecycle.PreStop.Sleep?.Seconds ?? 0);

    public int GraceSeconds => (int)Pod.Spec.TerminationGracePeriodSeconds!.Value;

    public static string Folder => Path.Combine(ConfigurationPagesTests.Root(), "deploy", "kubernetes");

    /// <summary>Builds a folder below <c>deploy/kubernetes</c>, with components taken in.</summary>
    public static async Task<Kustomized> BuildAsync(string folder, params string[] components)
    {
        using TemporaryDirectory home = new();
        string root = Path.Combine(Folder, folder);
        if (components.Length > 0)
        {
            root = home.Sub("all");
            string Named(string path) => Path.GetRelativePath(root, Path.Combine(Folder, path));
            StringBuilder kustomization = new($"resources:\n  - {Named(folder)}\ncomponents:\n");
            foreach (string component in components)
                kustomization.Append($"  - {Named($"components/{component}")}\n");
            File.WriteAllText(Path.Combine(root, "kustomization.yaml"), kustomization.ToString());
        }

        await using ChildProcess kubectl = ChildProcess.Start(Environment.GetEnvironmentVariable("GRID_KUBECTL") is { Length: > 0 } path ? path : "kubectl", ["kustomize", root], home.Sub("work"));
        int code = await kubectl.ExitAsync(BuildTime);
        Assert.True(code == 0, $"kubectl kustomize {root} failed. It needs a kubectl of at least 1.27 on the path, or named in GRID_KUBECTL.\n{kubectl.Errors}");
        Assert.True(kubectl.Errors.Length == 0, $"kubectl kustomize {root} warns: {kubectl.Errors}");
        return new Kustomized([.. KubernetesYaml.LoadAllFromString(kubectl.Output, Foreign, strict: true)]);
    }

    public IEnumerable<T> All<T>() => Objects.OfType<T>();

    /// <summary>A value of the silo's file.</summary>
    public JsonNode? Setting(string section, string name) => JsonNode.Parse(SiloJson, documentOptions: new() { CommentHandling = System.Text.Json.JsonCommentHandling.Skip, AllowTrailingCommas = true })?[section]?[name];

    public int Number(string section, string name) => Setting(section, name)!.GetValue<int>();
}

/// <summary>The Prometheus operator's kind, as far as it is used here: anything else in a manifest is refused.</summary>
internal sealed class PodMonitor
{
    public string? ApiVersion { get; set; }

    public string? Kind { get; set; }

    public V1ObjectMeta? Metadata { get; set; }

    public PodMonitorSpec? Spec { get; set; }
}

/// <summary>What it selects and scrapes.</summary>
internal sealed class PodMonitorSpec
{
    public V1LabelSelector? Selector { get; set; }

    public IList<PodMetricsEndpoint>? PodMetricsEndpoints { get; set; }
}

/// <summary>Where it scrapes.</summary>
internal sealed class PodMetricsEndpoint
{
    public string? Port { get; set; }

    public string? Path { get; set; }

    public string? Interval { get; set; }
}
