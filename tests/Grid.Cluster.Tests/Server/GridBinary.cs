using Grid.Cluster.Tests.Deploy;
using Xunit;

namespace Grid.Cluster.Tests.Server;

/// <summary>
/// The binary that tests start as processes: the one that was built with them, or, with <c>GRID_TEST_IMAGE=1</c>, the container image's. That takes a minute or two
/// to be made, and then each of the many silos has compiled nearly nothing when it is up.
/// </summary>
public sealed class GridBinary : IAsyncLifetime
{
    public static string Path { get; private set; } = System.IO.Path.Combine(AppContext.BaseDirectory, "grid");

    public async ValueTask InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("GRID_TEST_IMAGE") == "1")
            Path = System.IO.Path.Combine(await ImageApp.FolderAsync(), "grid");
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
