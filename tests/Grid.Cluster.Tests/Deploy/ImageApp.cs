using Grid.Cluster.Tests.Deploy;
using Grid.Cluster.Tests.Server;
using Xunit;

[assembly: AssemblyFixture(typeof(ImageApp))]

namespace Grid.Cluster.Tests.Deploy;

/// <summary>What the Dockerfile's build stage leaves to the image, made without an engine, once for all tests that look at it or run it.</summary>
public sealed class ImageApp : IDisposable
{
    private static readonly TimeSpan PublishTime = TimeSpan.FromMinutes(8);
    private static readonly TemporaryDirectory Home = new();
    private static readonly Lazy<Task<string>> Made = new(MakeAsync);

    /// <summary>The folder, readable by all and writable by nobody; made at the first call.</summary>
    public static Task<string> FolderAsync() => Made.Value;

    public void Dispose()
    {
        // Only root may take away what nobody may write to.
        string app = Home.Sub("app");
        foreach (string folder in Directory.EnumerateDirectories(app, "*", SearchOption.AllDirectories).Prepend(app))
        {
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.UserWrite);
        }

        Home.Dispose();
    }

    private static async Task<string> MakeAsync()
    {
        string source = Home.Sub("source");
        string app = Home.Sub("app");
        foreach (DockerInstruction instruction in Dockerfile.Read().Where(instruction => instruction.Stage == "build"))
        {
            if (instruction.Name == "COPY")
                Dockerfile.Copy(instruction, source);
            else if (instruction.Name == "RUN")
                await RunAsync(instruction.Text.Replace("$TARGETARCH", "amd64", StringComparison.Ordinal).Replace(" /app", $" {app}", StringComparison.Ordinal), source);
        }

        await RunAsync($"chmod -R go+rX-w {Home.Sub(".")} && chmod -R a-w {app}", source);
        return app;
    }

    private static async Task RunAsync(string command, string directory)
    {
        // It takes all the processors there are for a minute, and beside it silos of other tests need them.
        await using ChildProcess shell = ChildProcess.Start("nice", ["-n", "5", "sh", "-c", command], directory);
        int code = await shell.ExitAsync(PublishTime);
        Assert.True(code == 0, $"'{command}' failed:\n{shell.Output}\n{shell.Errors}");
    }
}
