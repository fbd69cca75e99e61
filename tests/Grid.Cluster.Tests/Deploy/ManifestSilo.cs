using System.Net;
using Grid.Cluster.Tests.Server;
using k8s.Models;
using Xunit;

namespace Grid.Cluster.Tests.Deploy;

/// <summary>
/// Runs the binary as the kubelet would run a pod of the manifest: its arguments, its environment and nothing else, its configuration from the
/// ConfigMap. Only what has to be is translated: the pod's address becomes one of the loopback's, the store's the test's own, mounted folders
/// those of the test.
/// </summary>
internal sealed class ManifestSilo(Kustomized built, string folder, string store)
{
    /// <summary>The first three numbers of the pods' addresses: some of the loopback's that nobody else uses, another test run neither.</summary>
    private static readonly string Network = $"127.{14 + (Environment.ProcessId % 200)}.{Environment.ProcessId / 200 % 250}";

    /// <summary>The address of a pod.</summary>
    public static string Address(int ordinal) => $"{Network}.{10 + ordinal}";

    /// <summary>Starts a pod's container.</summary>
    public ChildProcess Start(int ordinal, IReadOnlyDictionary<string, string>? labels = null) => Run(ordinal, labels, [.. built.Container.Args]);

    /// <summary>Runs another verb with the same environment and configuration.</summary>
    public ChildProcess Run(int ordinal, IReadOnlyDictionary<string, string>? labels, params string[] arguments) =>
        ChildProcess.Start("env", ["-i", .. Variables(ordinal, labels), GridBinary.Path, .. arguments.Select(Translate)], folder);

    /// <summary>Writes the mounted ConfigMap, as often as it is called.</summary>
    public void Mount(Func<string, string>? change = null)
    {
        string mounted = Translate(built.Container.VolumeMounts.Single(mount => mount.Name == "configuration").MountPath);
        Directory.CreateDirectory(mounted);
        File.WriteAllText(Path.Combine(mounted, "silo.json"), (change ?? (text => text))(built.SiloJson));
    }

    /// <summary>A probe's address.</summary>
    public string UrlOf(V1Probe probe, int ordinal) =>
        $"http://{Address(ordinal)}:{built.Container.Ports.Single(port => port.Name == probe.HttpGet.Port.Value).ContainerPort}{probe.HttpGet.Path}";

    /// <summary>Waits until an address answers as it should.</summary>
    public static async Task UntilAsync(string url, HttpStatusCode expected, ChildProcess silo)
    {
        using HttpClient client = new() { Timeout = TimeSpan.FromSeconds(2) };
        string last = "nothing";
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            try
            {
                using HttpResponseMessage answer = await client.GetAsync(new Uri(url), deadline.Token);
                if (answer.StatusCode == expected)
                    return;
                last = $"{answer.StatusCode}: {await answer.Content.ReadAsStringAsync(deadline.Token)}";
            }
            catch (Exception failure) when (failure is HttpRequestException or TaskCanceledException && !deadline.IsCancellationRequested)
            {
                last = failure.Message;
            }

            if (silo.HasExited || deadline.IsCancellationRequested)
                Assert.Fail($"{url} does not answer {expected}, but {last}. The silo wrote:\n{silo.Output}\n{silo.Errors}");
            await Task.Delay(50, CancellationToken.None);
        }
    }

    private IEnumerable<string> Variables(int ordinal, IReadOnlyDictionary<string, string>? labels)
    {
        // What the image has of its own.
        yield return "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        if (Environment.GetEnvironmentVariable("DOTNET_ROOT") is { } root)
            yield return $"DOTNET_ROOT={root}";
        foreach (V1EnvVar variable in built.Container.Env.Where(variable => variable.ValueFrom?.SecretKeyRef?.Optional is not true))
            yield return $"{variable.Name}={Value(variable, ordinal, labels ?? new Dictionary<string, string>())}";
    }

    private string Value(V1EnvVar variable, int ordinal, IReadOnlyDictionary<string, string> labels)
    {
        if (variable.Value is { } plain)
            return plain;
        if (variable.ValueFrom.SecretKeyRef is { Key: "connection-string" })
            return store;
        string path = variable.ValueFrom.FieldRef.FieldPath;
        return path switch
        {
            "metadata.name" => $"{built.Silos.Metadata.Name}-{ordinal}",
            "status.podIP" => Address(ordinal),
            _ when path.StartsWith("metadata.labels['", StringComparison.Ordinal) => labels.GetValueOrDefault(path["metadata.labels['".Length..^2], ""),
            _ => throw new InvalidOperationException($"The test does not know {path}."),
        };
    }

    private string Translate(string argument)
    {
        foreach (V1VolumeMount mount in built.Container.VolumeMounts.Where(mount => argument.StartsWith(mount.MountPath, StringComparison.Ordinal)))
            return Path.Combine(folder, mount.Name) + argument[mount.MountPath.Length..];
        return argument;
    }
}
