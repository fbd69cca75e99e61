namespace Grid.Tests.Formats.Oracles;

/// <summary>A folder that goes away with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("grid-");

    public string Root => _folder.FullName;

    public string File(string name) => Path.Combine(Root, name);

    public void Dispose() => _folder.Delete(recursive: true);
}
