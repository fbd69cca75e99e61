using System.Runtime.CompilerServices;

namespace Grid.Cluster.Tests.Observability;

/// <summary>Where in the repository what is deployed lies.</summary>
internal static class Deployed
{
    /// <summary>The repository.</summary>
    public static string Root { get; } = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(OwnPath())!, "..", "..", ".."));

    /// <summary>deploy/observability.</summary>
    public static string Observability { get; } = Path.Combine(Root, "deploy", "observability");

    private static string OwnPath([CallerFilePath] string path = "") => path;
}
